"""What `pulumi up` runs; tests and the local stack run the same infra/program.py."""

from infra.program import deploy

deploy()
