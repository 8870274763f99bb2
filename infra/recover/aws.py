"""What the look-ups share: clients, answers for what doesn't exist, and whose a resource is."""

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any, NamedTuple, cast

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.recover.errors import RecoverError
from infra.recover.state import PendingCreate

_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})

OWN_TAGS = ("project", "environment")
"""The tags that say whose a resource is. Source: infra/environment.py, `Environment.tags`."""

_ABSENT = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NoSuchEntity",
        "NoSuchHostedZone",
        "NoSuchTagSet",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)
"""Error codes of what doesn't exist."""


class UnknowableError(Exception):
    """A resource can't be looked up; the message says why."""


class Match(NamedTuple):
    """A resource that exists.

    Attributes:
        id: in the state.
        import_id: what `pulumi import` takes. Source: the AWS provider's documentation of each
            type, "Import".
        tags: those that it has; None if its type has none, or it is part of a tagged one.
        may_lack_tags: AWS gives it tags by a call of its own, so that the killed `up` may have
            created it without.
    """

    id: str
    import_id: str
    tags: Mapping[str, str] | None = None
    may_lack_tags: bool = False


class Aws:
    """Clients, each made when it is first used, with the credentials that `pulumi up` would use."""

    def __init__(self, **options: str) -> None:
        """Take options of every client, such as an endpoint's address and keys."""
        self._session: Any = boto3.Session()
        self._options = options
        self.client: Callable[[str, str], Any] = cache(self._client)

    def _client(self, service: str, region: str) -> Any:
        return self._session.client(service, region_name=region, config=_CONFIG, **self._options)

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Whose the credentials are: `Account` and `Arn`."""
        region = self._session.region_name or "us-east-1"
        return self.client("sts", region).get_caller_identity()

    @property
    def account_id(self) -> str:
        """The account's number."""
        return self.identity["Account"]

    @property
    def partition(self) -> str:
        """As in ARNs: `aws`."""
        return self.identity["Arn"].split(":")[1]


def answer(call: Callable[..., Any], **parameters: Any) -> dict[str, Any] | None:
    """Return what a call answers, or None if what it names doesn't exist."""
    try:
        return call(**parameters)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            return None
        raise


def pages(client: Any, operation: str, items: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the items of all pages of a listing; `items` may be a path, as `List.Items`."""
    found: list[dict[str, Any]] = []
    for page in client.get_paginator(operation).paginate(**parameters):
        found.extend(within(page, items))
    return found


def within(found: Any, path: str) -> list[dict[str, Any]]:
    """Return the list at a path of an answer; an empty one if there is none."""
    value: Any = found
    for name in path.split("."):
        value = value.get(name) if value else None
    return value or []


def as_map(tags: list[dict[str, str]]) -> dict[str, str]:
    """Return tags by their keys."""
    return {each["Key"]: each["Value"] for each in tags}


def text_of(pending: PendingCreate, *names: str) -> list[str]:
    """Return inputs that are text; raise UnknowableError for one that isn't known or is secret."""
    values = [pending.inputs.get(name) for name in names]
    for name, value in zip(names, values, strict=True):
        if not isinstance(value, str):
            raise UnknowableError(f"its {name} is a secret, or isn't known")
    return cast("list[str]", values)


def wanted_tags(pending: PendingCreate) -> dict[str, Any]:
    """Return the tags of a resource that say whose it is."""
    tags: Mapping[str, Any] = pending.inputs.get("tags", {})
    return {name: tags[name] for name in OWN_TAGS if name in tags}


def refuse_foreign(pending: PendingCreate, match: Match) -> None:
    """Raise RecoverError if a resource's tags say that it isn't this stack's."""
    wanted = wanted_tags(pending)
    if match.tags is None or not wanted or (match.may_lack_tags and not match.tags):
        return
    has = {name: match.tags.get(name) for name in wanted}
    if has != wanted:
        raise RecoverError(
            f"{pending.label}: {match.id} exists with the tags {has} and not {wanted}, so it isn't this stack's. "
            "Nothing was changed. Rename or delete it, or import it yourself (docs/adopting.md, `pulumi import`)"
        )
