"""A function's log for people: a line per event, with the mission's words in colour."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

from rich.text import Text

from local.function_log import LogEvent

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
