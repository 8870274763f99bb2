"""Names: of the project, of an environment, and of what exists once per environment.

A physical name ends in its environment. Two environments of one account therefore never collide,
and a name in a log, a bill or an alarm tells its environment. An environment may be in several
regions of an account, so a name that AWS knows once per account carries the region as well:

`global_name`, unique in an account:
    IAM role (IAM user guide, "IAM and AWS STS quotas"); CloudFront origin access control and
    response headers policy (CloudFront API reference, CreateOriginAccessControl and
    CreateResponseHeadersPolicy); CloudWatch dashboard (CloudWatch API reference, PutDashboard:
    "All dashboards in your account are global, not region-specific"; a second one overwrites).
`bucket_name`, unique in all accounts of a partition:
    S3 bucket (S3 user guide, "General purpose bucket naming rules").
`physical_name`, unique in a region of an account, which is part of their ARNs:
    table, queue, topic, function, log group, alarm. An API's name need not be unique.

Names in a role, a bucket, an API or a function need neither. Pulumi isn't imported here.
"""

import re
from pathlib import Path

PROJECT = "userstream"

LIVE_ALIAS = "live"
"""The alias of every function: what invokes a function names it, and it names a version."""

PROJECT_ROOT = Path(__file__).resolve().parents[1]
"""The checkout: Pulumi.yaml, functions/ and frontend/ are in it."""

ENVIRONMENT_PATTERN = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
ENVIRONMENT_MAXIMUM_LENGTH = 20
"""With a longer environment name the longest role name exceeds IAM's 64 characters, or the longest
bucket name S3's 63."""

REGION_MAXIMUM_LENGTH = 15
"""The longest region's name has so many characters: us-isof-south-1."""

_DIRECTIONS = {
    "central": "c",
    "east": "e",
    "north": "n",
    "northeast": "ne",
    "northwest": "nw",
    "south": "s",
    "southeast": "se",
    "southwest": "sw",
    "west": "w",
}
_WORD_LENGTH = 3


def is_environment_name(name: str) -> bool:
    """Return whether a stack name can be part of every name; S3's for buckets are the strictest."""
    return len(name) <= ENVIRONMENT_MAXIMUM_LENGTH and ENVIRONMENT_PATTERN.fullmatch(name) is not None


def physical_name(base: str, environment: str) -> str:
    """Return the name of what exists once per region, for example `Users-dev`."""
    return f"{base}-{environment}"


def function_log_group(function: str) -> str:
    """Return the name of a function's log group.

    Source: Lambda developer guide, "Sending Lambda function logs to CloudWatch Logs".
    """
    return f"/aws/lambda/{function}"


def access_log_groups(environment: str) -> tuple[str, str]:
    """Return the names of the access log's group: its own, and that of stacks from before it.

    Groups under `/aws/vendedlogs/` share one entry in the account's resource policy for logs. Any
    other has an entry of its own, and when the policy's 5,120 characters are used up, no stage that
    logs can be made. Source: CloudWatch Logs user guide, "Enable logging from AWS services",
    considerations of the resource policy's size. docs/decisions/0055 says which stacks have the
    former name.
    """
    name = f"apigateway/{physical_name(PROJECT, environment)}"
    return f"/aws/vendedlogs/{name}", f"/aws/{name}"


def global_name(base: str, environment: str, region: str) -> str:
    """Return the name of what exists once per account: `RegisterUserFunction-dev-eu-west-1`."""
    return f"{physical_name(base, environment)}-{region}"


def bucket_name(base: str, environment: str, region: str, account_id: str) -> str:
    """Return the name of a bucket, for example `userstream-website-dev-euw1-123456789012`.

    S3's names are shared by all accounts, so the account's number is part of them, and 63
    characters leave too few for the whole region.
    """
    return f"{PROJECT}-{base}-{environment}-{region_code(region)}-{account_id}"


def region_code(region: str) -> str:
    """Return a region's short form, as in AWS's ids of availability zones: euw1, apne1.

    Regions of one partition have different ones. Source: RAM user guide, "Availability Zone IDs for
    your AWS resources".
    """
    first, *words, number = region.split("-")
    return "".join([first, *(_DIRECTIONS.get(word, word[:_WORD_LENGTH]) for word in words), number])
