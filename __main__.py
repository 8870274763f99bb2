"""What `pulumi up` runs; the program itself is in infra/program.py, so that tests and the local stack run the same."""

from infra.program import deploy

deploy()
