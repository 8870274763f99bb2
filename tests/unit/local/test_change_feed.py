"""What follows the emulator's changes: told where somebody tells, and looking often elsewhere."""

import json
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from local.aws_clients import Clients
from local.change_feed import ChangedTopics, ChangeFeed

LONG = 60.0


class Teller:
    """An emulator that answers each question with the next of these numbers, or status codes."""

    def __init__(self) -> None:
        self.answers: SimpleQueue[dict[str, int] | int] = SimpleQueue()
        self.asked: SimpleQueue[dict[str, str]] = SimpleQueue()
        teller = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                teller.asked.put(dict(parse_qsl(urlsplit(self.path).query)))
                answer = teller.answers.get()
                body = b"" if isinstance(answer, int) else json.dumps(answer).encode()
                self.send_response(answer if isinstance(answer, int) else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002  the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.clients = Clients(f"http://127.0.0.1:{self._server.server_port}", "us-east-1", "key", "secret")

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def teller() -> Iterator[Teller]:
    teller = Teller()
    yield teller
    teller.stop()


@contextmanager
def following(teller: Teller, *topics: str) -> Generator[Callable[[], frozenset[str]]]:
    changes: SimpleQueue[frozenset[str]] = SimpleQueue()
    feed = ChangeFeed(teller.clients, topics, changes.put)
    feed.start()
    yield lambda: changes.get(timeout=LONG)
    feed.end()


def test_everything_may_have_changed_at_first_and_then_what_is_told(teller: Teller) -> None:
    with following(teller, "records", "logs") as next_change:
        teller.answers.put({"records": 3, "logs": 1, "metrics": 1})
        assert next_change() == {"records", "logs"}
        teller.answers.put({"records": 3, "logs": 1, "metrics": 2})
        teller.answers.put({"records": 4, "logs": 1, "metrics": 2})
        assert next_change() == {"records"}
    assert [teller.asked.get(timeout=LONG) for _ in range(3)] == [
        {},
        {"logs": "1", "records": "3"},
        {"logs": "1", "records": "3"},
    ]


@pytest.mark.parametrize("refusal", [403, 404, 500])
def test_where_nobody_tells_everything_may_have_changed_again_and_again(teller: Teller, refusal: int) -> None:
    teller.answers.put(refusal)
    with following(teller, "records") as next_change:
        assert [next_change() for _ in range(3)] == [frozenset({"records"})] * 3
    assert teller.asked.qsize() == 1


def test_an_emulator_out_of_reach_is_as_one_that_does_not_tell(teller: Teller) -> None:
    teller.stop()
    with following(teller, "records") as next_change:
        assert [next_change() for _ in range(3)] == [frozenset({"records"})] * 3


def test_a_topic_is_taken_once_for_each_change(teller: Teller) -> None:
    changed = ChangedTopics(teller.clients, ["logs"])
    assert (changed.take("logs"), changed.take("logs")) == (True, False)
    teller.answers.put({"logs": 1})
    assert eventually(lambda: changed.take("logs"))
    assert not changed.take("logs")
    changed.end()


def eventually(look: Callable[[], Any]) -> Any:
    for _ in range(600):
        if found := look():
            return found
        threading.Event().wait(0.1)
    raise AssertionError("it never comes")
