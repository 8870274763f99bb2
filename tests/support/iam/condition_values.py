"""Condition operators, the keys that every service knows, and the form of their values.

Source: IAM user guide, "IAM JSON policy elements: Condition operators" and "AWS global condition
context keys". Types of keys are named as in the Service Authorization Reference.
"""

import re
from collections.abc import Mapping

_NUMERIC_COMPARISONS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")

OPERATORS: Mapping[str, str] = {
    **dict.fromkeys(("StringEquals", "StringNotEquals", "StringLike", "StringNotLike"), "String"),
    **dict.fromkeys(("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"), "String"),
    **dict.fromkeys((f"Numeric{comparison}" for comparison in _NUMERIC_COMPARISONS), "Numeric"),
    **dict.fromkeys((f"Date{comparison}" for comparison in _NUMERIC_COMPARISONS), "Date"),
    "Bool": "Bool",
    "BinaryEquals": "Binary",
    **dict.fromkeys(("IpAddress", "NotIpAddress"), "IPAddress"),
    **dict.fromkeys(("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"), "ARN"),
    "Null": "Null",
}
"""Operator to what it compares; Null takes no IfExists."""

COMPARABLE: Mapping[str, frozenset[str]] = {
    "String": frozenset({"String", "ArrayOfString", "ARN", "ArrayOfARN"}),  # an ARN exactly, or as text
    "Numeric": frozenset({"Numeric"}),
    "Date": frozenset({"Date"}),
    "Bool": frozenset({"Bool", "ArrayOfBool"}),
    "Binary": frozenset({"Binary"}),
    "IPAddress": frozenset({"IPAddress"}),
    "ARN": frozenset({"ARN", "ArrayOfARN"}),
}
"""What an operator compares to the types of keys that have it; Null isn't here: it takes any."""

QUALIFIED_OPERATOR = re.compile(r"(?:ForAllValues:|ForAnyValue:)?(?P<operator>[A-Za-z]+?)(?P<if_exists>IfExists)?")

GLOBAL_KEYS: Mapping[str, str] = {
    # of the principal
    "aws:PrincipalArn": "ARN",
    "aws:PrincipalAccount": "String",
    "aws:PrincipalOrgID": "String",
    "aws:PrincipalOrgPaths": "ArrayOfString",
    "aws:PrincipalTag/${TagKey}": "String",
    "aws:PrincipalIsAWSService": "Bool",
    "aws:PrincipalServiceName": "String",
    "aws:PrincipalServiceNamesList": "ArrayOfString",
    "aws:PrincipalType": "String",
    "aws:userid": "String",
    "aws:username": "String",
    # of its session
    "aws:FederatedProvider": "String",
    "aws:MultiFactorAuthAge": "Numeric",
    "aws:MultiFactorAuthPresent": "Bool",
    "aws:SourceIdentity": "String",
    "aws:TokenIssueTime": "Date",
    # of the network
    "aws:SourceIp": "IPAddress",
    "aws:SourceVpc": "String",
    "aws:SourceVpcArn": "ARN",
    "aws:SourceVpce": "String",
    "aws:VpceAccount": "String",
    "aws:VpceOrgID": "String",
    "aws:VpceOrgPaths": "ArrayOfString",
    "aws:VpcSourceIp": "IPAddress",
    # of the resource
    "aws:ResourceAccount": "String",
    "aws:ResourceOrgID": "String",
    "aws:ResourceOrgPaths": "ArrayOfString",
    # of the request
    "aws:CalledVia": "ArrayOfString",
    "aws:CalledViaFirst": "String",
    "aws:CalledViaLast": "String",
    "aws:CurrentTime": "Date",
    "aws:EpochTime": "Date",
    "aws:referer": "String",
    "aws:RequestedRegion": "String",
    "aws:SecureTransport": "Bool",
    "aws:SourceAccount": "String",
    "aws:SourceArn": "ARN",
    "aws:SourceOrgID": "String",
    "aws:SourceOrgPaths": "ArrayOfString",
    "aws:UserAgent": "String",
    "aws:ViaAWSService": "Bool",
}
"""Keys of tags aren't here: the definitions say which actions know them."""

TAG_KEYS: Mapping[str, str] = {
    "aws:RequestTag/${TagKey}": "String",
    "aws:ResourceTag/${TagKey}": "String",
    "aws:TagKeys": "ArrayOfString",
}

VALUES: Mapping[str, re.Pattern[str]] = {
    "String": re.compile(r".*", re.DOTALL),
    "Numeric": re.compile(r"-?\d+(?:\.\d+)?"),
    "Date": re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d))?|\d{1,13}"),
    "Bool": re.compile(r"true|false"),
    "Binary": re.compile(r"[A-Za-z0-9+/]+={0,2}"),
    "IPAddress": re.compile(r"(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2})?|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*(?:/\d{1,3})?"),
    "ARN": re.compile(r"\*|arn:[^:]+:[^:]*:[^:]*:[^:]*:.+"),
    "Null": re.compile(r"true|false"),
}
"""What an operator's values look like, by the type that it compares."""
