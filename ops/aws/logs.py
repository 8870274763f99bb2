"""Lines of CloudWatch's log groups: of JSON by the value of a member, of text by a phrase."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from functions.runtime.json_log import JsonObject, is_object
from ops.errors import translate_aws_errors

if TYPE_CHECKING:
    from types_boto3_logs.client import CloudWatchLogsClient

_PAGE_EVENTS = 10_000
"""Most events of one response. Source: CloudWatch Logs API reference, FilterLogEvents."""


class LogLine(NamedTuple):
    """One line of a log that is a JSON object."""

    at: float  # seconds since the epoch
    fields: JsonObject


class TextLine(NamedTuple):
    """One line of a log that is no JSON object, as Lambda itself writes them."""

    at: float  # seconds since the epoch
    text: str


class LogGroups:
    """The log groups of a stack's account."""

    def __init__(self, client: "CloudWatchLogsClient") -> None:
        self._client = client

    def lines(
        self, group: str, pattern: str, accepts: Callable[[JsonObject], bool], since: float, until: float
    ) -> Iterator[LogLine]:
        """Yield the lines of a group that a filter pattern finds, oldest first.

        A NotFoundError if there is no such group.

        Args:
            group: its name.
            pattern: for JSON (CloudWatch Logs user guide, "Filter pattern syntax").
            accepts: looks once more: the emulator takes each pattern for JSON as one for any line.
            since: seconds since the epoch, as the next one.
            until: the end.
        """
        seen: set[tuple[int, str, str]] = set()
        for event in self._events(group, pattern, int(since * 1000), int(until * 1000)):
            at, message = event.get("timestamp", 0), event.get("message", "")
            key = (at, event.get("logStreamName", ""), message)
            if key in seen:
                continue
            try:
                fields: Any = json.loads(message)
            except (ValueError, RecursionError):
                continue
            if is_object(fields) and accepts(fields):
                seen.add(key)
                yield LogLine(at / 1000, fields)

    def texts(self, group: str, phrase: str, since: float, until: float) -> Iterator[TextLine]:
        """Yield the lines of a group that have a phrase of letters, digits and dashes, and no JSON.

        A NotFoundError if there is no such group. Times are in seconds since the epoch.
        """
        for event in self._events(group, f'"{phrase}"', int(since * 1000), int(until * 1000)):
            message = event.get("message", "")
            if phrase in message and not message.startswith("{"):
                yield TextLine(event.get("timestamp", 0) / 1000, message)

    def _events(self, group: str, pattern: str, start: int, end: int) -> Iterator[Mapping[str, Any]]:
        request: Any = {"logGroupName": group, "filterPattern": pattern, "startTime": start, "endTime": end}
        while True:
            with translate_aws_errors(f"the log group {group}"):
                page = self._client.filter_log_events(**request)
            events: Sequence[Any] = page.get("events", [])
            yield from events
            if token := page.get("nextToken"):  # a page may be empty and have one
                request["nextToken"] = token
            elif len(events) < _PAGE_EVENTS:
                return
            else:  # the emulator gives no token: ask again from the last event on
                request["startTime"] = max(events[-1].get("timestamp", 0), request["startTime"] + 1)
