"""Delivery on a running local stack, measured: the poller's own code, with each invocation timed on its way.

The stack's own poller rests meanwhile. When a record was written is told by who wrote it, since a stream tells whole
seconds only.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from delivery.decisions import FunctionFailed, InvocationOutcome, NotAdmitted
from delivery.delivery import Delivery
from delivery.messages import Checkpoint, PageRead, ReadFailed, ReadShard
from delivery.records import StreamRecord
from delivery.settings import MappingSettings
from local.state import LocalStack, clients_of
from local.stream_poller.aws_clients import CALLS, Account
from local.stream_poller.invocation import invoke_function, send_failure_document
from local.stream_poller.poller import Poller, Ports
from local.stream_poller.service import LOCAL_ASSUMPTIONS, read_mapping
from local.stream_poller.stream_reader import StreamsApiReader

POISON = b"poison"
"""In the name of a user whose records count as crashing the function."""

ITEMS_PER_CALL = 25
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class MeasuredInvocation:
    """One invocation.

    Attributes:
        sent: when, in seconds of the clock that writers use.
        seconds: until its answer was there.
        records: what it was given.
    """

    sent: float
    seconds: float
    records: tuple[StreamRecord, ...]


@dataclass(frozen=True, kw_only=True)
class MeasuredRun:
    """What a while of delivery came to.

    Attributes:
        began: when the shard was read first.
        written: by user, when its record was written.
        invocations: in the order of their ends.
        reads: of the shard: how many records each gave, and how long it took.
        read_intervals: seconds between the beginnings of two reads.
        given_up: records whose pointer went to the failure queue.
        ended: when the last record was settled or given up.
    """

    began: float
    written: dict[str, float]
    invocations: list[MeasuredInvocation]
    reads: list[tuple[int, float]]
    read_intervals: list[float]
    given_up: int
    ended: float


class StreamUnderMeasure:
    """Delivers a stack's stream again and again, each time going on where it stopped.

    Args:
        stack: Running, with nothing but these runs writing to it.
    """

    def __init__(self, stack: LocalStack) -> None:
        self._clients = clients_of(stack)
        self._users_table = stack.outputs.users_table_name
        self._mapping = read_mapping(self._clients.lambda_, stack.mapping_uuid).settings
        self._poller_pid = stack.poller_pid
        self._checkpoint: Checkpoint | None = None
        account = Account(
            endpoint_url=stack.endpoint_url,
            region=stack.region,
            access_key_id=stack.access_key_id,
            secret_access_key=stack.secret_access_key,
        )
        self._streams = account.client("dynamodbstreams", CALLS)
        self._sqs = account.client("sqs", CALLS)

    @property
    def mapping(self) -> MappingSettings:
        """As the stack has it."""
        return self._mapping

    @contextmanager
    def alone(self) -> Generator[None]:
        """Let the stack's own poller rest for the time of the block."""
        assert self._poller_pid is not None  # noqa: S101  a running stack has one
        os.kill(self._poller_pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._poller_pid, signal.SIGCONT)

    def write_at_once(self, users: Sequence[str]) -> dict[str, float]:
        """Write one change of each user as fast as the table takes them; return when each was there."""
        written: dict[str, float] = {}
        for start in range(0, len(users), ITEMS_PER_CALL):
            call = users[start : start + ITEMS_PER_CALL]
            request: Any = {self._users_table: [{"PutRequest": {"Item": _item(user)}} for user in call]}
            while request:
                request = self._clients.dynamodb.batch_write_item(RequestItems=request).get("UnprocessedItems")
            written |= dict.fromkeys(call, time.time())
        return written

    def write_at_random(self, users: Sequence[str], per_second: float, seed: int) -> Callable[[], dict[str, float]]:
        """Return what writes one change of each user at random moments, so many a second, and says when."""

        def write() -> dict[str, float]:
            chance, written = Random(seed), dict[str, float]()  # noqa: S311  moments, no secret
            due = time.time()
            for user in users:
                due += chance.expovariate(per_second)
                time.sleep(max(0.0, due - time.time()))
                began = time.time()
                self._clients.dynamodb.put_item(TableName=self._users_table, Item=_item(user))
                # It is in the stream before its answer is here.
                written[user] = (began + time.time()) / 2
            return written

        return write

    def deliver(self, settings: MappingSettings, write: Callable[[], dict[str, float]], records: int) -> MeasuredRun:
        """Deliver until so many records are settled or given up, while something writes them or has written them.

        Raises:
            TimeoutError: They aren't in time.
        """
        watch = _Watch(partial(invoke_function, self._clients.lambda_, settings.function_arn), records)
        streams = StreamsApiReader(lambda: self._streams, settings.stream_arn)
        reader = _Reader(streams)
        ports = Ports(
            list_shards=streams.list_shards,
            read=reader.read,
            invoke=watch.invoke,
            send_document=partial(send_failure_document, lambda _service: self._sqs, settings),
            save=self._save,
            log=watch.log,
        )
        poller = Poller(Delivery(settings, LOCAL_ASSUMPTIONS, self._checkpoint), ports)
        thread = threading.Thread(target=poller.run, args=(30.0,))
        thread.start()
        try:
            written = write()
            if not watch.done.wait(PATIENCE_SECONDS):
                raise TimeoutError(f"{watch.open} of {records} records are neither settled nor given up")
            ended = time.time()
        finally:
            poller.end()
            thread.join()
        return MeasuredRun(
            began=reader.began,
            written=written,
            invocations=watch.invocations,
            reads=reader.reads,
            read_intervals=reader.intervals,
            given_up=watch.given_up,
            ended=ended,
        )

    def _save(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint


class _Watch:
    """Invokes, and listens to what the delivery tells of its batches."""

    def __init__(self, invoke: Callable[[Sequence[StreamRecord]], InvocationOutcome], records: int) -> None:
        self._invoke = invoke
        self._lock = threading.Lock()
        self.open = records
        self.given_up = 0
        self.done = threading.Event()
        self.invocations: list[MeasuredInvocation] = []

    def invoke(self, records: Sequence[StreamRecord]) -> InvocationOutcome:
        sent = time.time()
        outcome = self._invoke(records)
        seconds = time.time() - sent
        if isinstance(outcome, NotAdmitted):
            return outcome
        if any(POISON in record.body for record in records):
            outcome = FunctionFailed(outcome.invocation)
        with self._lock:
            self.invocations.append(MeasuredInvocation(sent=sent, seconds=seconds, records=tuple(records)))
        return outcome

    def log(
        self,
        level: str,  # noqa: ARG002 - what a log is given
        message: str,
        **fields: Any,
    ) -> None:
        if message == "BATCH DELIVERED:":
            self.open -= fields["records"]
        elif message == "BATCH FAILED:":
            self.open -= fields["settled"]
        elif message == "FAILURE DOCUMENT SENT:":
            self.open -= fields["records"]
            self.given_up += fields["records"]
        if self.open <= 0:
            self.done.set()


class _Reader:
    def __init__(self, reader: StreamsApiReader) -> None:
        self._reader = reader
        self.began = 0.0
        self._last = 0.0
        self.intervals: list[float] = []
        self.reads: list[tuple[int, float]] = []

    def read(self, wanted: ReadShard) -> PageRead | ReadFailed:
        began = time.time()
        self.began = self.began or began
        if self._last:
            self.intervals.append(began - self._last)
        self._last = began
        page = self._reader.read(wanted)
        if isinstance(page, PageRead):
            self.reads.append((len(page.records), time.time() - began))
        return page


def users_of_run(run: str, records: int, *, poison_rate: float = 0.0, seed: int = 0) -> list[str]:
    """Give ids of users that no other run has; those with POISON in them crash the function."""
    chance = Random(seed)  # noqa: S311  which ones, no secret
    poison = POISON.decode()
    return [f"{run}-{poison if chance.random() < poison_rate else 'good'}-{number:06}" for number in range(records)]


def first_seen(invocations: Iterable[MeasuredInvocation]) -> list[StreamRecord]:
    """Every record that was delivered, once, in the stream's order."""
    records = {record.sequence_number: record for invocation in invocations for record in invocation.records}
    return sorted(records.values(), key=lambda record: int(record.sequence_number))


def _item(user: str) -> dict[str, Any]:
    texts = {"userId": user, "name": f"Eve {user}", "email": f"{user}@example.com", "username": user}
    moments = dict.fromkeys(("createdAt", "updatedAt"), "2026-11-24T00:00:00.000Z")
    numbers = {"version": 1, "schemaVersion": 1}
    item: dict[str, Any] = {name: {"S": text} for name, text in (texts | moments).items()}
    return item | {name: {"N": str(number)} for name, number in numbers.items()}
