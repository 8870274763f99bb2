"""Tells other processes that something in the emulator has changed, so that nobody needs to poll.

`GET /_userstream/changes?records=5&logs=7`, by the root user, is answered as soon as the number of
one of the named topics isn't the one given, at the latest after `LONGEST_WAIT_SECONDS`, with all
topics and their numbers. A number says nothing but that it differs.
"""

import asyncio
import importlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

PATH = "/_userstream/changes"

RECORDS = "records"
"""Of tables' streams: one was written."""
MESSAGES = "messages"
"""Of queues: one can be received."""
MAPPINGS = "mappings"
"""Event source mappings, and the functions and tables that they name."""
LOGS = "logs"
METRICS = "metrics"

TOPICS = (RECORDS, MESSAGES, MAPPINGS, LOGS, METRICS)

LONGEST_WAIT_SECONDS = 25

_LONGEST_UNSEEN_SECONDS = 1.0
"""A message that only becomes visible, by its delay or its visibility timeout, is seen then."""

_SHOWING = ("DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch")
"""Actions after which further messages of a FIFO queue's group can be received."""

_SENDERS = ("sqs", "sns", "eventbridge", "s3")
"""The emulator's services that put messages into queues."""

_INVOCATIONS = "/invocations"
_TABLE_CHANGES = frozenset(
    b"DynamoDB_20120810." + change for change in (b"CreateTable", b"UpdateTable", b"DeleteTable")
)


Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Changes:
    """The numbers of all topics. `note` may be called from any thread, the rest in the loop."""

    def __init__(self) -> None:
        self._next = count(1)
        self._numbers: dict[str, int] = dict.fromkeys(TOPICS, 0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._is_waking = False

    def note(self, topic: str) -> None:
        """Say that something of a topic has changed."""
        # Two threads can't lose a change: each writes a number that was never there.
        self._numbers[topic] = next(self._next)
        if self._loop is not None and not self._is_waking:
            self._is_waking = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_waking = False
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, known: Mapping[str, int], seconds: float) -> Mapping[str, int]:
        """Return all numbers as soon as one of those known isn't the same, or the time is over."""
        self._loop = asyncio.get_running_loop()
        deadline = time.monotonic() + seconds
        while True:
            changed = self._changed  # Before the numbers are looked at, so that no change is missed.
            if any(self._numbers[topic] != number for topic, number in known.items()):
                return dict(self._numbers)
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await changed.wait()
            except TimeoutError:
                return dict(self._numbers)

    def number(self, topic: str) -> int:
        """Return the number of a topic."""
        return self._numbers[topic]


def telling(application: Callable[..., Awaitable[None]], changes: Changes) -> Callable[..., Awaitable[None]]:
    """Return an ASGI application that answers requests for changes and notes what others change."""

    async def tell_or_note(scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            await _answer(changes, scope["query_string"], send)
            return
        await application(scope, receive, send)
        if scope["type"] == "http" and _may_change_mappings(scope):
            changes.note(MAPPINGS)

    return tell_or_note


async def _answer(changes: Changes, query_string: bytes, send: Send) -> None:
    asked = parse_qsl(query_string.decode("latin-1"))
    known = {topic: int(number) for topic, number in asked if topic in TOPICS and number.isdecimal()}
    numbers = await changes.wait(known, LONGEST_WAIT_SECONDS if known else 0.0)
    body = json.dumps(numbers).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _may_change_mappings(scope: Scope) -> bool:
    path: str = scope["path"]
    if "/functions" in path or "/event-source-mappings" in path:
        return scope["method"] != "GET" and not path.endswith(_INVOCATIONS)
    return any(name.lower() == b"x-amz-target" and value in _TABLE_CHANGES for name, value in scope["headers"])


class _Noted:
    """Stands in for the event that the emulator sets for its own poller."""

    def __init__(self, changes: Changes, topic: str) -> None:
        self._changes = changes
        self._topic = topic

    def set(self) -> None:
        """Note that the event has happened."""
        self._changes.note(self._topic)


def note_changes(changes: Changes) -> None:
    """Let the emulator note what it writes, and its long polls of queues wait for that."""
    dynamodb, sqs, logs, metrics = (
        importlib.import_module(f"ministack.services.{name}")
        for name in ("dynamodb", "sqs", "cloudwatch_logs", "cloudwatch")
    )
    services: Any = dynamodb, sqs, logs, metrics
    of_dynamodb, of_sqs, of_logs, of_metrics = services
    of_dynamodb.esm_wake = _Noted(changes, RECORDS)
    for name in _SENDERS:
        sender: Any = importlib.import_module(f"ministack.services.{name}")
        sender.esm_wake = _Noted(changes, MESSAGES)
    of_logs._append_log_events = _noting(of_logs._append_log_events, changes, LOGS)  # noqa: SLF001
    of_metrics._metric_bucket = _noting(of_metrics._metric_bucket, changes, METRICS)  # noqa: SLF001
    receive: Callable[[Mapping[str, Any], str], Awaitable[Mapping[str, Any]]] = of_sqs._act_receive_message  # noqa: SLF001

    async def receive_when_there_is_some(data: Mapping[str, Any], url: str) -> Mapping[str, Any]:
        queue: Any = of_sqs._get_q(data.get("QueueUrl", url), "sqs:ReceiveMessage")  # noqa: SLF001
        asked = data.get("WaitTimeSeconds")
        seconds = int(asked if asked is not None else queue["attributes"].get("ReceiveMessageWaitTimeSeconds", "0"))
        deadline = time.monotonic() + seconds
        while True:
            known = {MESSAGES: changes.number(MESSAGES)}
            received = await receive({**data, "WaitTimeSeconds": 0}, url)
            left = deadline - time.monotonic()
            if received or left <= 0:
                return received
            await changes.wait(known, min(left, _LONGEST_UNSEEN_SECONDS))

    handlers: dict[str, Callable[..., Any]] = of_sqs._HANDLERS  # noqa: SLF001
    handlers["ReceiveMessage"] = receive_when_there_is_some
    for action in _SHOWING:
        handlers[action] = _noting(handlers[action], changes, MESSAGES)


def _noting(write: Callable[..., Any], changes: Changes, topic: str) -> Callable[..., Any]:
    def write_and_note(*arguments: Any, **named: Any) -> Any:
        result = write(*arguments, **named)
        changes.note(topic)
        return result

    return write_and_note
