"""Read a function's log as it grows, through CloudWatch Logs' API."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

_LATECOMER_MILLISECONDS = 2_000
"""An event may become readable after a later one: so far back is looked again."""

_PAGE_EVENTS = 10_000
"""Most events of one answer. Source: CloudWatch Logs API reference, FilterLogEvents."""


_Line = tuple[str, int, str]
"""Stream, time in milliseconds, message."""

_EventKey = tuple[str, int, str, int]
"""A line, and how many like it came before it: the emulator gives a function's lines no eventId."""


@dataclass(frozen=True, kw_only=True)
class LogEvent:
    """One line of a log.

    Attributes:
        at: when it was written, UTC.
        message: the line.
    """

    at: datetime
    message: str


class FunctionLog:
    """The log of one function; each `read` goes on where the last one ended."""

    def __init__(self, logs: "CloudWatchLogsClient", function_name: str, since: datetime | None = None) -> None:
        """Prepare to read.

        Args:
            logs: client.
            function_name: whose log.
            since: leave out what is older; None for all there is.
        """
        self._logs = logs
        self._group = f"/aws/lambda/{function_name}"
        self._since_ms = 0 if since is None else int(since.timestamp() * 1000)
        self._seen: dict[_EventKey, int] = {}

    def read(self) -> list[LogEvent]:
        """The lines that are new since the last call, in order.

        Raises:
            botocore.exceptions.ClientError: the service refused.
        """
        lines = list(self._new_events())
        # What is too old to be asked for again need not be remembered.
        self._seen = {key: at for key, at in self._seen.items() if at >= self._since_ms}
        return lines

    def _new_events(self) -> Iterator[LogEvent]:
        start_ms, newest_ms = self._since_ms, self._since_ms
        while True:
            page = self._logs.filter_log_events(logGroupName=self._group, startTime=start_ms, limit=_PAGE_EVENTS)
            events = page["events"]
            same = Counter[_Line]()
            for event in events:
                at_ms, message = event.get("timestamp", 0), event.get("message", "")
                line = (event.get("logStreamName", ""), at_ms, message)
                key = (*line, same[line])
                same[line] += 1
                newest_ms = max(newest_ms, at_ms)
                if key not in self._seen:
                    self._seen[key] = at_ms
                    yield LogEvent(at=datetime.fromtimestamp(at_ms / 1000, UTC), message=message)
            if len(events) < _PAGE_EVENTS:
                break
            # The emulator gives no token for the rest: ask again from the last event on.
            start_ms = max(newest_ms, start_ms + 1)
        self._since_ms = max(self._since_ms, newest_ms - _LATECOMER_MILLISECONDS)
