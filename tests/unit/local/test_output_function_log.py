from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple, cast

from hypothesis import given
from hypothesis import strategies as st

from local.output import FunctionLog


class Event(NamedTuple):
    stream: str
    at_ms: int
    message: str


class LogsInMemory:
    """FilterLogEvents as in the emulator: ordered, cut at the limit, no token and no event id."""

    def __init__(self, largest_page: int = 10_000) -> None:
        self.events: list[Event] = []
        self._largest_page = largest_page

    def filter_log_events(self, *, logGroupName: str, startTime: int, limit: int) -> dict[str, Any]:  # noqa: N803
        assert logGroupName == "/aws/lambda/LogUserChangesFunction-local"
        found = sorted((event for event in self.events if event.at_ms >= startTime), key=lambda event: event.at_ms)
        page = found[: min(limit, self._largest_page)]
        return {
            "events": [
                {"logStreamName": event.stream, "timestamp": event.at_ms, "message": event.message} for event in page
            ]
        }


def reader(logs: LogsInMemory) -> FunctionLog:
    return FunctionLog(cast("Any", logs), "LogUserChangesFunction-local")


@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 500), st.sampled_from("xy")), max_size=5)))
def test_every_line_is_read_once_in_whatever_order_lines_arrive(arrivals: list[list[tuple[str, int, str]]]) -> None:
    logs = LogsInMemory()
    log, read = reader(logs), list[str]()
    for number, arrival in enumerate(arrivals):
        # Half a second's worth at a time, later ones a little later, with repeated lines among
        # them.
        logs.events += [Event(stream, 1_000_000 + 100 * number + ms, text) for stream, ms, text in arrival]
        read += [event.message for event in log.read()]
    assert sorted(read) == sorted(event.message for event in logs.events)


def test_more_lines_than_a_page_holds_are_read_page_by_page() -> None:
    logs = LogsInMemory()
    numbers = count()
    logs.events = [Event("s", 1_000 + second, str(next(numbers))) for second in range(30) for _ in range(1_000)]
    assert [event.message for event in reader(logs).read()] == [str(number) for number in range(30_000)]


def test_a_line_has_its_time() -> None:
    logs = LogsInMemory()
    logs.events = [Event("s", 1_795_500_000_123, "hello")]
    (event,) = reader(logs).read()
    assert event.at == datetime.fromtimestamp(1_795_500_000.123, UTC)


def test_lines_older_than_since_are_left_out() -> None:
    logs = LogsInMemory()
    logs.events = [Event("s", 1_000, "old"), Event("s", 3_000, "new")]
    log = FunctionLog(cast("Any", logs), "LogUserChangesFunction-local", since=datetime.fromtimestamp(2, UTC))
    assert [event.message for event in log.read()] == ["new"]
