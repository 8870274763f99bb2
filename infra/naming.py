"""Names: of the project, of an environment, and of what exists once per environment.

A physical name ends in its environment. Two environments of one account therefore never collide,
and a name in a log, a bill or an alarm tells its environment. Pulumi isn't imported here.
"""

import re
from pathlib import Path

PROJECT = "userstream"

PROJECT_ROOT = Path(__file__).resolve().parents[1]
"""The checkout: Pulumi.yaml, functions/ and frontend/ are in it."""

ENVIRONMENT_PATTERN = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
ENVIRONMENT_MAXIMUM_LENGTH = 20
"""With a longer environment name the longest bucket name exceeds S3's 63 characters."""


def is_environment_name(name: str) -> bool:
    """Return whether a stack name can be part of every name; S3's for buckets are the strictest."""
    return len(name) <= ENVIRONMENT_MAXIMUM_LENGTH and ENVIRONMENT_PATTERN.fullmatch(name) is not None


def physical_name(base: str, environment: str) -> str:
    """Return the name of a resource in its account, for example `Users-dev`."""
    return f"{base}-{environment}"
