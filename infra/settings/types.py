"""The types of settings, how each parses its value, and what it may be in words.

Pulumi passes every value as text: `true`, `100`, and lists and maps as JSON. Text that only looks
like such a value (`yes`, `1e3`, ` 5`) is refused.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import AfterValidator, BeforeValidator
from pydantic.fields import FieldInfo

from infra import naming
from infra.partitions import regions


@dataclass(frozen=True)
class Allowed:
    """Words for what a setting may be, for a type that doesn't say it."""

    text: str


def _switch(value: object) -> object:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("neither true nor false")


def _whole_number(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"0|-?[1-9][0-9]{0,17}", value):
        return int(value)
    raise ValueError("not a whole number")


def read_json(value: object) -> object:
    """Return a list or map that may be given as JSON; raise ValueError for other text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError("not a list or map") from error


def _matching(pattern: str, text: object) -> str:
    if not isinstance(text, str) or re.fullmatch(pattern, text) is None:
        raise ValueError("another form")
    return text


def origin(text: object) -> str:
    """Return an origin as browsers send it; raise ValueError for any other text."""
    checked = _matching(_ORIGIN, text)
    scheme, port = checked.partition(":")[0], checked.rpartition(":")[2]
    if port.isdigit() and (int(port) > _HIGHEST_PORT or port == DEFAULT_PORTS[scheme]):
        raise ValueError("no port that a browser sends")
    return checked


def _environment_name(text: object) -> str:
    name = _matching(naming.ENVIRONMENT_PATTERN.pattern, text)
    if not naming.is_environment_name(name):
        raise ValueError("too long")
    return name


def _region(text: object) -> str:
    if text not in regions():
        raise ValueError("no region")
    return str(text)


RESERVED_TAGS = frozenset({"project", "environment", "managedBy"})
MAXIMUM_TAGS = 40
"""AWS allows 50 on a resource; the rest is for ours and for those that AWS adds."""

_TAG_KEY = r"(?!(?i:aws:))[A-Za-z0-9 +\-=._:/@]{1,128}"
_TAG_VALUE = r"[A-Za-z0-9 +\-=._:/@]{0,256}"


def wrong_tags(tags: Mapping[str, object]) -> list[str]:
    """Return the keys of tags that AWS refuses, or that are ours.

    Keys are compared without case: IAM's are not case-sensitive (IAM user guide, "Tags for IAM
    resources"), so a role takes only one of `team` and `Team`.
    """
    seen = {key.lower() for key in RESERVED_TAGS}
    wrong: list[str] = []
    for key, value in tags.items():
        fits = (
            re.fullmatch(_TAG_KEY, key) is not None
            and isinstance(value, str)
            and re.fullmatch(_TAG_VALUE, value) is not None
        )
        if fits and key.lower() not in seen and len(seen) < MAXIMUM_TAGS + len(RESERVED_TAGS):
            seen.add(key.lower())
        else:
            wrong.append(key)
    return wrong


def _tags(tags: dict[str, str]) -> dict[str, str]:
    if wrong_tags(tags):
        raise ValueError("refused by AWS")
    return tags


_ORIGIN = r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?"
_HIGHEST_PORT = 65535
DEFAULT_PORTS = {"http": "80", "https": "443"}
"""Browsers leave these out. Source: URL Standard, "origin"; Fetch Standard, `Origin`."""
_PAGE_URL = (
    r"(?=.{1,500}$)(?:https://[a-z0-9][a-z0-9.-]*|http://(?:localhost|127\.0\.0\.1))(?::[1-9][0-9]{0,4})?"
    r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*"
)
_TABLE_NAME = r"[A-Za-z0-9_.-]{3,255}"
_EMAIL = r"[^\s@]{1,64}@[^\s@.]+(?:\.[^\s@.]+)+"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = rf"(?=.{{1,64}}$)(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?"
_CERTIFICATE_ARN = r"arn:aws[a-z-]*:acm:{region}:\d{{12}}:certificate/[0-9a-f-]{{36}}"
CLOUDFRONT_REGION = "us-east-1"
"""Where CloudFront's certificates and web ACLs are. Source: CloudFront developer guide,
"Requirements for using SSL/TLS certificates with CloudFront"; WAF API reference, CreateWebACL."""

Switch = Annotated[bool, BeforeValidator(_switch)]
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
LogRetentionDays = Annotated[
    Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
    BeforeValidator(_whole_number),
]
"""What CloudWatch Logs accepts. Source: CloudWatch Logs API reference, PutRetentionPolicy."""
FunctionRuntime = Literal["python3.14", "python3.13", "python3.12"]
"""What the functions run on. Source: Lambda developer guide, "Lambda runtimes"."""
NEWEST_RUNTIME: FunctionRuntime = "python3.14"
Origins = Annotated[
    tuple[Annotated[str, BeforeValidator(origin)], ...],
    BeforeValidator(read_json),
    Allowed(
        "a list of origins: https://host or https://host:port, in lower case, without a path, without * and without "
        "the port that browsers leave out (443 of https, 80 of http)"
    ),
]
EmailAddress = Annotated[
    str, BeforeValidator(lambda text: _matching(_EMAIL, text)), Allowed("an e-mail address, as in team@example.com")
]
PageUrl = Annotated[
    str,
    BeforeValidator(lambda text: _matching(_PAGE_URL, text)),
    Allowed("an address of up to 500 characters that begins with https:// and has a path, without # and without ?"),
]
DomainName = Annotated[
    str,
    BeforeValidator(lambda text: _matching(_DOMAIN, text)),
    # Source: ACM API reference, RequestCertificate.
    Allowed(
        "a domain name of up to 64 characters in lower case, without https:// and without *, as in www.example.com"
    ),
]
HostedZoneId = Annotated[
    str,
    BeforeValidator(lambda text: _matching(r"Z[A-Z0-9]{1,31}", text)),
    Allowed("the id of a public hosted zone in Route 53, as in Z0123456789ABCDEFGHIJ"),
]
CertificateArn = Annotated[
    str,
    BeforeValidator(lambda text: _matching(_CERTIFICATE_ARN.format(region="[a-z0-9-]+"), text)),
    Allowed("the ARN of a certificate in ACM, in the stack's region"),
]
PageCertificateArn = Annotated[
    str,
    BeforeValidator(lambda text: _matching(_CERTIFICATE_ARN.format(region=CLOUDFRONT_REGION), text)),
    Allowed(f"the ARN of a certificate in ACM, in {CLOUDFRONT_REGION}, where CloudFront reads it"),
]
TableName = Annotated[
    str,
    BeforeValidator(lambda text: _matching(_TABLE_NAME, text)),
    Allowed("the name of a DynamoDB table: 3 to 255 letters, digits, underscores, hyphens and periods"),
]
"""Source: DynamoDB developer guide, "Supported data types and naming rules"."""
Region = Annotated[str, BeforeValidator(_region), Allowed(f"one of AWS's {len(regions())} regions, as in eu-west-1")]
EnvironmentName = Annotated[
    str,
    BeforeValidator(_environment_name),
    Allowed(
        f"up to {naming.ENVIRONMENT_MAXIMUM_LENGTH} lower-case letters, digits and single hyphens, beginning with a "
        "letter"
    ),
]
Tags = Annotated[
    dict[str, str],
    BeforeValidator(read_json),
    AfterValidator(_tags),
    Allowed(
        f"a map of up to {MAXIMUM_TAGS} tags to text (AWS's characters; keys up to 128, values up to 256), none of "
        f"them named {', '.join(sorted(RESERVED_TAGS))} or beginning with aws:, and no two named alike but for case"
    ),
]


def _type_of(field: FieldInfo) -> tuple[object, list[object]]:
    """Return a setting's type without `| None`, and what is annotated to it."""
    annotation, metadata = field.annotation, list(field.metadata)
    if NoneType in get_args(annotation):  # `X | None`
        (annotation,) = (choice for choice in get_args(annotation) if choice is not NoneType)
    if get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        metadata += inner
    return annotation, metadata


def choices(field: FieldInfo) -> tuple[object, ...]:
    """Return all that a setting may be; empty if they can't be counted."""
    annotation, _ = _type_of(field)
    if annotation is bool:
        return ("true", "false")
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def bounds(field: FieldInfo) -> tuple[int, int] | None:
    """Return the smallest and the largest whole number that a setting may be, if it is one."""
    annotation, metadata = _type_of(field)
    least = next((bound.ge for bound in metadata if isinstance(bound, Ge)), None)
    most = next((bound.le for bound in metadata if isinstance(bound, Le)), None)
    return (least, most) if annotation is int and isinstance(least, int) and isinstance(most, int) else None


def allowed_values(field: FieldInfo) -> str:
    """Say in words what a setting may be, from its type and its bounds.

    Raises:
        TypeError: a type that this function has no words for.
    """
    annotation, metadata = _type_of(field)
    for item in metadata:
        if isinstance(item, Allowed):
            return item.text
    if annotation is bool:
        return "true or false"
    if allowed := choices(field):
        return "one of " + ", ".join(str(value) for value in allowed)
    if limits := bounds(field):
        return f"a whole number from {limits[0]} to {limits[1]}"
    raise TypeError(f"no words for {field!r}")
