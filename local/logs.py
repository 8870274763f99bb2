"""Read a function's log as it grows, through CloudWatch Logs' API."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text

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


# A function's log for people: a line per event, with the mission's words in colour.

_COLOURS = {
    "USER ADDED:": "bold green",
    "USER UPDATED - OLD:": "yellow",
    "USER UPDATED - NEW:": "bold yellow",
    "USER DELETED:": "bold red",
}
_LEVEL_COLOURS = {"WARNING": "magenta", "ERROR": "bold white on red", "CRITICAL": "bold white on red"}
_RUNTIME_LINES = ("START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START")
_IN_MESSAGE_ALREADY = frozenset({"level", "message", "image", "changedFields", "userId"})
_SHOWN_FIRST = ("name", "email", "username")


def readable_lines(events: Iterable[LogEvent]) -> Iterable[Text]:
    """The events as lines of text; what the runtime itself writes around each invocation is left out."""
    for event in events:
        if event.message.strip() and not event.message.startswith(_RUNTIME_LINES):
            yield _readable(event)


def _readable(event: LogEvent) -> Text:
    line = Text(event.at.astimezone().strftime("%H:%M:%S "), style="dim")
    entry = _entry(event.message)
    if entry is None:
        return line.append(_printable(event.message), style="default")
    message, level = str(entry.get("message", "")), str(entry.get("level", "INFO"))
    line.append(_printable(message), style=_COLOURS.get(message) or _LEVEL_COLOURS.get(level, "default"))
    if "userId" in entry:
        line.append(f" {_printable(entry['userId'])}", style="cyan")
    if message in _COLOURS:
        _append_image(line, entry)
    else:
        _append_fields(line, {key: value for key, value in entry.items() if key not in _IN_MESSAGE_ALREADY})
    return line


def _append_image(line: Text, entry: Mapping[str, Any]) -> None:
    image: Mapping[str, Any] = entry.get("image") or {}
    changed = set(entry.get("changedFields") or [])
    named = [*(name for name in _SHOWN_FIRST if name in image), *sorted(changed - set(_SHOWN_FIRST) & image.keys())]
    for name in named:
        line.append(f"  {name}=", style="dim")
        line.append(_printable(image.get(name)), style="bold" if name in changed else "default")


def _append_fields(line: Text, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        line.append(f"  {_printable(name)}=", style="dim")
        line.append(_printable(value if isinstance(value, str) else json.dumps(value)), style="default")


def _entry(message: str) -> Mapping[str, Any] | None:
    """A structured line's object, or None for any other line."""
    try:
        value = json.loads(message)
    except ValueError:
        return None
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) and "message" in value else None


def _printable(value: object) -> str:
    """Text that can't move the terminal's cursor or change its colours, whatever a user is called."""
    return "".join(character if character.isprintable() else "�" for character in str(value))
