"""The one rule for names: what exists once per environment says so in its name.

Two environments of one account never collide, and a name seen in a log, a bill or an alarm tells its environment.
"""

import re
from pathlib import Path

PROJECT = "userstream"

PROJECT_ROOT = Path(__file__).resolve().parents[1]
"""The checkout: Pulumi.yaml, functions/ and frontend/ are in it."""

ENVIRONMENT_PATTERN = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
ENVIRONMENT_MAXIMUM_LENGTH = 20
"""Longest environment name: with it the longest bucket name still fits S3's 63 characters."""


def is_environment_name(name: str) -> bool:
    """Whether a stack name can stand in every resource's name, an S3 bucket's (the strictest) among them."""
    return len(name) <= ENVIRONMENT_MAXIMUM_LENGTH and ENVIRONMENT_PATTERN.fullmatch(name) is not None


def physical_name(base: str, environment: str) -> str:
    """Name of a resource in its account, for example `Users-dev`."""
    return f"{base}-{environment}"


def bucket_name(purpose: str, environment: str, account_id: str) -> str:
    """Name of a bucket: S3's names are shared by all accounts of the world, so the account's number is part of it."""
    return f"{PROJECT}-{purpose}-{environment}-{account_id}"


def function_log_group_name(function_name: str) -> str:
    """Where Lambda writes a function's log, unless told otherwise.

    Source: Lambda developer guide, "Sending Lambda function logs to CloudWatch Logs".
    """
    return f"/aws/lambda/{function_name}"


def api_log_group_name(environment: str) -> str:
    """Where the API's access log goes."""
    return f"/aws/apigateway/{physical_name(PROJECT, environment)}"
