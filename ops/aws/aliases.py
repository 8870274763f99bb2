"""The alias of a function that says which version is live, through Lambda's API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.naming import LIVE_ALIAS
from ops.aws.release_record import Record, read_record
from ops.errors import translate_aws_errors

if TYPE_CHECKING:
    from types_boto3_lambda.client import LambdaClient

_CHANGED_MEANWHILE = frozenset({"PreconditionFailedException", "ResourceConflictException"})


class ChangedMeanwhileError(Exception):
    """Somebody changed the alias since it was read."""


@dataclass(frozen=True, kw_only=True)
class Alias:
    """An alias as it was read.

    Attributes:
        function: name of its function.
        version: the one that gets the traffic, or what others leave of it.
        shares: other versions that get traffic, each with its share of 1.
        record: of the last release; None if no release moved it.
        revision: changes with the alias.
        read_at: by Lambda's clock.
    """

    function: str
    version: str
    shares: Mapping[str, float]
    record: Record | None
    revision: str
    read_at: datetime


class Aliases:
    """The aliases `live` of a stack's functions."""

    def __init__(self, client: "LambdaClient") -> None:
        self._client = client

    def read(self, function: str) -> Alias:
        """Return a function's alias as it is now."""
        with translate_aws_errors(f"the alias {LIVE_ALIAS} of {function}"):
            found = self._client.get_alias(FunctionName=function, Name=LIVE_ALIAS)
        sent = found["ResponseMetadata"]["HTTPHeaders"].get("date")
        return Alias(
            function=function,
            version=found["FunctionVersion"],
            shares=found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}),
            record=read_record(found.get("Description", "")),
            revision=found.get("RevisionId", ""),
            read_at=parsedate_to_datetime(sent) if sent else datetime.now(UTC).replace(microsecond=0),
        )

    def versions(self, function: str) -> list[str]:
        """Return a function's published versions, oldest first."""
        with translate_aws_errors(f"the versions of {function}"):
            pages = self._client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
            numbers = [each.get("Version", "") for page in pages for each in page["Versions"]]
        return sorted((number for number in numbers if number.isdecimal()), key=int)

    def update(self, alias: Alias, version: str, shares: Mapping[str, float], record: Record) -> None:
        """Route traffic to a version and to the shares of others.

        Raises:
            ChangedMeanwhileError: the alias isn't as it was read, and stays as it is.
        """
        with translate_aws_errors(f"the alias {LIVE_ALIAS} of {alias.function}"):
            try:
                self._client.update_alias(
                    FunctionName=alias.function,
                    Name=LIVE_ALIAS,
                    FunctionVersion=version,
                    RoutingConfig={"AdditionalVersionWeights": shares},
                    Description=record.to_text(),
                    RevisionId=alias.revision,
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _CHANGED_MEANWHILE:
                    raise ChangedMeanwhileError(alias.function) from error
                raise
