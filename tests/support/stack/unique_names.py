"""Where the names of the program's resources must be unique. Sources: infra/naming.py."""

from collections.abc import Mapping
from enum import Enum, auto

from guardrails import resource as types


class Unique(Enum):
    """Where a name must be unique."""

    ACCOUNT = auto()
    """In the account, or in all accounts."""
    REGION = auto()
    """In a region of an account: it is part of the ARN, beside the region."""
    NOWHERE = auto()
    """In what it belongs to, or nowhere: AWS gives the resource an id."""


NAMES: Mapping[str, tuple[str, Unique]] = {
    types.ROLE: ("name", Unique.ACCOUNT),
    types.BUCKET: ("bucket", Unique.ACCOUNT),
    "aws:cloudfront/originAccessControl:OriginAccessControl": ("name", Unique.ACCOUNT),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": ("name", Unique.ACCOUNT),
    "aws:cloudwatch/dashboard:Dashboard": ("dashboardName", Unique.ACCOUNT),
    # For CloudFront every web ACL of an account is in us-east-1.
    "aws:wafv2/webAcl:WebAcl": ("name", Unique.ACCOUNT),
    types.ALARM: ("name", Unique.REGION),
    types.EVENT_ARCHIVE: ("name", Unique.REGION),
    types.EVENT_BUS: ("name", Unique.REGION),
    types.FUNCTION: ("name", Unique.REGION),
    types.LOG_GROUP: ("name", Unique.REGION),
    types.QUEUE: ("name", Unique.REGION),
    types.TABLE: ("name", Unique.REGION),
    types.TOPIC: ("name", Unique.REGION),
    types.ALIAS: ("name", Unique.NOWHERE),
    types.API: ("name", Unique.NOWHERE),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": ("name", Unique.NOWHERE),
    types.ROLE_POLICY: ("name", Unique.NOWHERE),
    types.STAGE: ("name", Unique.NOWHERE),
}
"""The property that is a resource's name, by type, for every type with a name in the program."""
