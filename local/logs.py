"""Read a function's log as it grows, through the CloudWatch Logs API."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

_LATE_MILLISECONDS = 2_000
"""Each read starts this much before the newest event: an older one may become readable later."""

_PAGE_EVENTS = 10_000
"""Most events of one response. Source: CloudWatch Logs API reference, FilterLogEvents."""


class FunctionLogLine(NamedTuple):
    """One line of a function's log."""

    at: datetime
    """When it was written, UTC."""
    message: str


class FunctionLog:
    """The log of one function; each `read` continues where the last one ended."""

    def __init__(self, logs: "CloudWatchLogsClient", function_name: str, since: datetime | None = None) -> None:
        """Read the log of a function, without lines older than `since`."""
        self._logs = logs
        self._group = f"/aws/lambda/{function_name}"
        self._since_ms = 0 if since is None else int(since.timestamp() * 1000)
        # From (log stream, time, message, how many like it came before) to the time: the emulator
        # gives a function's lines no eventId.
        self._seen: dict[tuple[str, int, str, int], int] = {}

    def read(self) -> list[FunctionLogLine]:
        """Return the lines that are new since the last call, in order."""
        lines = list(self._new_lines())
        # Forget what no later read asks for.
        self._seen = {key: at_ms for key, at_ms in self._seen.items() if at_ms >= self._since_ms}
        return lines

    def _new_lines(self) -> Iterator[FunctionLogLine]:
        start_ms, newest_ms = self._since_ms, self._since_ms
        while True:
            page = self._logs.filter_log_events(logGroupName=self._group, startTime=start_ms, limit=_PAGE_EVENTS)
            equal_lines = Counter[tuple[str, int, str]]()
            for event in page["events"]:
                at_ms, message = event.get("timestamp", 0), event.get("message", "")
                line = (event.get("logStreamName", ""), at_ms, message)
                key = (*line, equal_lines[line])
                equal_lines[line] += 1
                newest_ms = max(newest_ms, at_ms)
                if key not in self._seen:
                    self._seen[key] = at_ms
                    yield FunctionLogLine(datetime.fromtimestamp(at_ms / 1000, UTC), message)
            if len(page["events"]) < _PAGE_EVENTS:
                break
            # The emulator gives no token for the rest: ask again from the last event on.
            start_ms = max(newest_ms, start_ms + 1)
        self._since_ms = max(self._since_ms, newest_ms - _LATE_MILLISECONDS)
