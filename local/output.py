"""What the terminal shows of a stack: a function's log as it grows, and the stack's outputs."""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment
from rich.text import Text
from typing_extensions import override

from functions.runtime.metrics import CHANGES_LOGGED, DEAD_LETTERED_FIGURES
from functions.users.attributes import ATTRIBUTES, Attribute
from local.state import LocalStack
from local.unserved_settings import unserved_settings

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

_LATE_MILLISECONDS = 2_000
"""Each read starts this much before the newest event: an older one may become readable later."""

_PAGE_EVENTS = 10_000
"""Most events of one response. Source: CloudWatch Logs API reference, FilterLogEvents."""

_COLOURS = {
    "USER ADDED:": "bold green",
    "USER UPDATED - OLD:": "yellow",
    "USER UPDATED - NEW:": "bold yellow",
    "USER DELETED:": "bold red",
}
_LEVEL_COLOURS = {"WARNING": "magenta", "ERROR": "bold white on red", "CRITICAL": "bold white on red"}
_RUNTIME_LINES = ("START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START")
_SHOWN_BEFORE_FIELDS = frozenset({"level", "message", "image", "changedFields", "userId", "_aws"})
_FIGURES_LINES = (CHANGES_LOGGED, DEAD_LETTERED_FIGURES)
"""Lines of nothing but figures for CloudWatch."""
_FIRST_ATTRIBUTES = tuple(attribute.name for attribute in ATTRIBUTES)


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


def print_log(console: Console, lines: Iterable[FunctionLogLine]) -> None:
    """Print a function's log for people."""
    for text in readable_lines(lines):
        console.print(text, soft_wrap=True)


def readable_lines(lines: Iterable[FunctionLogLine]) -> Iterator[Text]:
    """Yield a line of text for each line of a log, without the runtime's own and CloudWatch's."""
    for line in lines:
        entry = _json_entry(line.message)
        if entry is not None and entry["message"] in _FIGURES_LINES:
            continue
        if line.message.strip() and not line.message.startswith(_RUNTIME_LINES):
            yield _readable(line, entry)


def _readable(line: FunctionLogLine, entry: Mapping[str, Any] | None) -> Text:
    text = Text(line.at.astimezone().strftime("%H:%M:%S "), style="dim")
    if entry is None:
        return text.append(printable(line.message), style="default")
    message, level = str(entry.get("message", "")), str(entry.get("level", "INFO"))
    text.append(printable(message), style=_COLOURS.get(message) or _LEVEL_COLOURS.get(level, "default"))
    if "userId" in entry:
        text.append(f" {printable(entry['userId'])}", style="cyan")
    if message in _COLOURS:
        _append_image(text, entry.get("image") or {}, set(entry.get("changedFields") or []))
    else:
        for name, value in entry.items():
            if name not in _SHOWN_BEFORE_FIELDS:
                text.append(f"  {printable(name)}=", style="dim")
                text.append(printable(value if isinstance(value, str) else json.dumps(value)), style="default")
    return text


def _append_image(text: Text, image: Mapping[str, Any], changed: set[str]) -> None:
    first = [name for name in _FIRST_ATTRIBUTES if name in image]
    for name in [*first, *sorted(changed - set(_FIRST_ATTRIBUTES) & image.keys())]:
        text.append(f"  {name}=", style="dim")
        text.append(printable(image.get(name)), style="bold" if name in changed else "default")


def _json_entry(message: str) -> Mapping[str, Any] | None:
    """Parse a structured log line; None for any other line."""
    try:
        value = json.loads(message)
    except ValueError:
        return None
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) and "message" in value else None


def printable(value: object) -> str:
    """Return text that can't control the terminal, whatever a user's name is."""
    return "".join(character if character.isprintable() else "�" for character in str(value))


def printable_lines(text: str) -> str:
    """Return the same of a text of several lines."""
    return "\n".join(map(printable, text.expandtabs().split("\n")))


def open_console() -> Console:
    """Return the terminal; of what is printed there, only styles and layout are more than text."""
    console = Console()
    console.push_render_hook(_PrintableText())
    return console


class _PrintableText(RenderHook):
    @override
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Printable(renderable) for renderable in renderables]


class _Printable:
    def __init__(self, renderable: ConsoleRenderable) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._renderable, options):
            yield segment if segment.control else segment._replace(text=printable_lines(segment.text))


def curl_command(stack: LocalStack, attributes: Sequence[Attribute] = ATTRIBUTES) -> str:
    """Return a registration to copy: the first time the answer is 201, then 409."""
    body = json.dumps({attribute.name: attribute.example for attribute in attributes if attribute.required})
    url = f"{stack.outputs.api_url}/register"
    return f"curl -i {url} -H 'content-type: application/json' -d {shlex.quote(body)}"


def print_outputs(console: Console, stack: LocalStack) -> None:
    """Print each stack output on one line, never wrapped, so that it can be copied."""
    values = stack.outputs.model_dump(by_alias=True)
    width = max(map(len, values))
    for name, value in values.items():
        line = Text(f"{name:<{width}}  ", style="dim").append("" if value is None else str(value), style="not dim")
        console.print(line, soft_wrap=True)


def print_outputs_and_command(console: Console, stack: LocalStack) -> None:
    """Print the stack outputs and how to register a user."""
    print_outputs(console, stack)
    console.print("\nRegister a user:\n")
    console.print(f"{curl_command(stack)}\n", style="bold", soft_wrap=True, highlight=False, markup=False)


def print_unserved_settings(console: Console, config: Mapping[str, str]) -> None:
    """Print a line for each setting of the stack that isn't served on this machine."""
    for line in unserved_settings(config):
        console.print(Text("! ", style="yellow").append(line, style="not yellow"), soft_wrap=True)
