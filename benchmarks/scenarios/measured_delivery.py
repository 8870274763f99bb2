"""Deliveries on a running local stack by the poller's code, with each read and invocation timed.

The stack's own poller is suspended meanwhile. The writer says when each record was written, because
the stream has whole seconds only.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

from benchmarks.events import user_image
from delivery.decisions import FunctionFailed, InvocationOutcome, NotAdmitted
from delivery.delivery import Delivery
from delivery.messages import Checkpoint, PageRead, ReadFailed, ReadShard
from delivery.records import StreamRecord
from delivery.settings import MappingSettings
from local.aws_clients import ONE_ATTEMPT
from local.state import LocalStack, clients_of
from local.stream_poller.invocation import invoke_function, send_failure_document
from local.stream_poller.poller import Poller, Ports
from local.stream_poller.service import LOCAL_ASSUMPTIONS, read_mapping
from local.stream_poller.stream_reader import StreamsApiReader

CRASHING = "crashing"
"""In the id of a user whose records count as crashing the function."""

ITEMS_PER_CALL = 25
PATIENCE_SECONDS = 120.0


class TimedInvocation(NamedTuple):
    """When a batch was sent, and how many seconds its invocation took."""

    sent: float
    seconds: float
    records: tuple[StreamRecord, ...]


class MeasuredRun:
    """One delivery, which keeps what passes. Times are seconds since the epoch.

    Attributes:
        written: By user, when the record was written.
        invocations: In the order of their ends.
        reads: How many records each read of the shard gave, and how many seconds it took.
        given_up: Records whose pointer went to the failure queue.
        ended: When the last record was processed or given up.
    """

    def __init__(self, records: int) -> None:
        self.written: Mapping[str, float] = {}
        self.invocations: list[TimedInvocation] = []
        self.reads: list[tuple[int, float]] = []
        self.given_up = 0
        self.ended = 0.0
        self._reads_began: list[float] = []
        self._lock = threading.Lock()
        self._open = records
        self._done = threading.Event()

    @property
    def began(self) -> float:
        """When the shard was read first."""
        return self._reads_began[0]

    @property
    def seconds(self) -> float:
        """From the first read to the end."""
        return self.ended - self.began

    @property
    def read_intervals(self) -> list[float]:
        """Seconds between the beginnings of two reads."""
        return [later - earlier for earlier, later in pairwise(self._reads_began)]

    def records(self) -> list[StreamRecord]:
        """Return every record that was delivered, once and in the stream's order."""
        records = {record.sequence_number: record for invocation in self.invocations for record in invocation.records}
        return sorted(records.values(), key=lambda record: int(record.sequence_number))

    def wait(self) -> None:
        """Wait until every record is processed or given up.

        Raises:
            TimeoutError: That takes too long.
        """
        if not self._done.wait(PATIENCE_SECONDS):
            raise TimeoutError(f"{self._open} records are neither processed nor given up")
        self.ended = time.time()

    def read(self, read: Callable[[ReadShard], PageRead | ReadFailed], wanted: ReadShard) -> PageRead | ReadFailed:
        """Read a page and time it."""
        began = time.time()
        self._reads_began.append(began)
        page = read(wanted)
        if isinstance(page, PageRead):
            self.reads.append((len(page.records), time.time() - began))
        return page

    def invoke(
        self, invoke: Callable[[Sequence[StreamRecord]], InvocationOutcome], records: Sequence[StreamRecord]
    ) -> InvocationOutcome:
        """Invoke the function and time it; report a failure if a record counts as crashing it."""
        sent = time.time()
        outcome = invoke(records)
        seconds = time.time() - sent
        if isinstance(outcome, NotAdmitted):
            return outcome
        if any(CRASHING.encode() in record.body for record in records):
            outcome = FunctionFailed(outcome.invocation)
        with self._lock:
            self.invocations.append(TimedInvocation(sent, seconds, tuple(records)))
        return outcome

    def log(self, level: str, message: str, **fields: Any) -> None:  # noqa: ARG002  the parameters of a Log
        """Count the records that are done."""
        if message in {"BATCH DELIVERED:", "FAILURE DOCUMENT SENT:"}:
            self._open -= fields["records"]
        elif message == "BATCH FAILED:":
            self._open -= fields["settled"]
        if message == "FAILURE DOCUMENT SENT:":
            self.given_up += fields["records"]
        if self._open <= 0:
            self._done.set()


class LocalStream:
    """The stream of a stack that nothing else writes to; deliveries follow each other."""

    def __init__(self, stack: LocalStack) -> None:
        self._clients = clients_of(stack)
        self._users_table = stack.outputs.users_table_name
        self._poller_pid = stack.poller_pid
        self._checkpoint: Checkpoint | None = None
        self._streams = self._clients.create("dynamodbstreams", ONE_ATTEMPT)
        self._sqs = self._clients.create("sqs", ONE_ATTEMPT)
        self.mapping: MappingSettings = read_mapping(self._clients.lambda_, stack.mapping_uuid).settings

    @contextmanager
    def without_other_poller(self) -> Generator[None]:
        """Suspend the stack's own poller for the time of the block."""
        if self._poller_pid is None:
            raise AssertionError("a running stack has a poller")
        os.kill(self._poller_pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._poller_pid, signal.SIGCONT)

    def write_at_once(self, users: Sequence[str]) -> dict[str, float]:
        """Write a change of each user as fast as possible; return when each was written."""
        written: dict[str, float] = {}
        for start in range(0, len(users), ITEMS_PER_CALL):
            call = users[start : start + ITEMS_PER_CALL]
            puts = [{"PutRequest": {"Item": user_image(user, user)}} for user in call]
            batch_write(self._clients.dynamodb, self._users_table, puts)
            written |= dict.fromkeys(call, time.time())
        return written

    def write_at_random(self, users: Sequence[str], per_second: float, seed: int) -> dict[str, float]:
        """Write a change of each user at random times; return when each was written."""
        chance, written = Random(seed), dict[str, float]()  # noqa: S311  times, no secret
        due = time.time()
        for user in users:
            due += chance.expovariate(per_second)
            time.sleep(max(0.0, due - time.time()))
            began = time.time()
            self._clients.dynamodb.put_item(TableName=self._users_table, Item=user_image(user, user))
            # The record is in the stream before the answer arrives here.
            written[user] = (began + time.time()) / 2
        return written

    def deliver(
        self, settings: MappingSettings, records: int, write: Callable[[], Mapping[str, float]] = dict
    ) -> MeasuredRun:
        """Deliver until so many records are processed or given up, and call `write` meanwhile.

        Raises:
            TimeoutError: That takes too long.
        """
        run = MeasuredRun(records)
        reader = StreamsApiReader(lambda: self._streams, settings.stream_arn)
        ports = Ports(
            list_shards=reader.list_shards,
            read=partial(run.read, reader.read),
            invoke=partial(run.invoke, partial(invoke_function, self._clients.lambda_, settings.function_arn)),
            send_document=partial(send_failure_document, lambda _service: self._sqs, settings),
            save=self._save,
            log=run.log,
        )
        poller = Poller(Delivery(settings, LOCAL_ASSUMPTIONS, self._checkpoint), ports)
        thread = threading.Thread(target=poller.run, args=(30.0,))
        thread.start()
        try:
            run.written = write()
            run.wait()
        finally:
            poller.end()
            thread.join()
        return run

    def _save(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint


def batch_write(dynamodb: Any, table: str, requests: Sequence[Any]) -> None:
    """Write items of a table in calls of 25, each repeated until nothing is unprocessed."""
    for start in range(0, len(requests), ITEMS_PER_CALL):
        call = {table: requests[start : start + ITEMS_PER_CALL]}
        while call:
            call = dynamodb.batch_write_item(RequestItems=call).get("UnprocessedItems")


def users_of_run(run: str, records: int, *, crash_rate: float = 0.0, seed: int = 0) -> list[str]:
    """Return user ids that no other run has; records of those with CRASHING crash the function."""
    chance = Random(seed)  # noqa: S311  which users, no secret
    return [f"{run}-{CRASHING if chance.random() < crash_rate else 'valid'}-{number:06}" for number in range(records)]
