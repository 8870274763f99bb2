"""Deliveries on a running local stack by the poller's code, with each read and invocation timed.

The stack's own poller is suspended meanwhile. The writer says when each record was written, because
the stream has whole seconds only.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.events import user_image
from delivery.decisions import FunctionFailed, InvocationOutcome, NotAdmitted
from delivery.delivery import Delivery
from delivery.messages import Checkpoint, PageRead, ReadFailed, ReadShard
from delivery.records import Batch, StreamRecord, event_payload
from delivery.settings import MappingSettings, read_settings
from local.aws_clients import ONE_ATTEMPT, Clients
from local.event_source_mappings.function import invoke_function
from local.event_source_mappings.poller import Poller
from local.event_source_mappings.served_mapping import LOCAL_ASSUMPTIONS
from local.event_source_mappings.stream_ports import StreamPorts, send_failure_document
from local.event_source_mappings.stream_reader import StreamsApiReader
from local.state import LocalStack, clients_of
from local.temporary_stack import running_local_stack

CRASHING = "crashing"
"""In the id of a user whose records count as crashing the function."""

ITEMS_PER_CALL = 25
PATIENCE_SECONDS = 120.0


class TimedInvocation(NamedTuple):
    """When a batch was sent, and how many seconds its invocation took."""

    sent: float
    seconds: float
    records: tuple[StreamRecord, ...]


@dataclass(kw_only=True)
class MeasuredRun:
    """One delivery, which keeps what passes. Times are seconds since the epoch."""

    unsettled: int
    """Records that are neither processed nor given up yet."""
    written: Mapping[str, float] = field(default_factory=dict[str, float])
    """By user, when the record was written."""
    invocations: list[TimedInvocation] = field(default_factory=list[TimedInvocation])
    """In the order of their ends."""
    reads_began: list[float] = field(default_factory=list[float])
    reads: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    """How many records each read of the shard gave, and how many seconds it took."""
    given_up: int = 0
    """Records whose pointer went to the failure queue."""
    ended: float = 0.0
    all_settled: threading.Event = field(default_factory=threading.Event)

    @property
    def seconds(self) -> float:
        """From the first read to the end."""
        return self.ended - self.reads_began[0]

    def written_at(self, record: StreamRecord) -> float:
        """Return when the user of a record was written."""
        return self.written[json.loads(record.item)["userId"]["S"]]

    def records(self) -> list[StreamRecord]:
        """Return every record that was delivered, once and in the stream's order."""
        records = {record.sequence_number: record for invocation in self.invocations for record in invocation.records}
        return sorted(records.values(), key=lambda record: int(record.sequence_number))

    def read(self, read: Callable[[ReadShard], PageRead | ReadFailed], wanted: ReadShard) -> PageRead | ReadFailed:
        """Read a page and time it."""
        began = time.time()
        self.reads_began.append(began)
        page = read(wanted)
        if isinstance(page, PageRead):
            self.reads.append((len(page.records), time.time() - began))
        return page

    def invoke(self, invoke: Callable[[Batch], InvocationOutcome], batch: Batch) -> InvocationOutcome:
        """Invoke the function and time it; report a failure if a record counts as crashing it."""
        sent = time.time()
        outcome = invoke(batch)
        if isinstance(outcome, NotAdmitted):
            return outcome
        self.invocations.append(TimedInvocation(sent, time.time() - sent, batch.records))
        if any(CRASHING.encode() in record.body for record in batch.records):
            return FunctionFailed(outcome.invocation)
        return outcome

    def log(self, level: str, message: str, **fields: Any) -> None:  # noqa: ARG002  the parameters of a Log
        """Count the records that are settled."""
        if message in {"BATCH DELIVERED:", "FAILURE DOCUMENT SENT:"}:
            self.unsettled -= fields["records"]
        elif message == "BATCH FAILED:":
            self.unsettled -= fields["settled"]
        if message == "FAILURE DOCUMENT SENT:":
            self.given_up += fields["records"]
        if self.unsettled <= 0:
            self.all_settled.set()


@contextmanager
def local_stream() -> Generator["LocalStream"]:
    """Run a local stack in a temporary directory, with its own poller suspended meanwhile."""
    with TemporaryDirectory(prefix="userstream-bench-") as name, running_local_stack(Path(name)) as stack:
        if stack.poller_pid is None:
            raise AssertionError("a running stack has a poller")
        os.kill(stack.poller_pid, signal.SIGSTOP)
        try:
            yield LocalStream(stack, Path(name))
        finally:
            os.kill(stack.poller_pid, signal.SIGCONT)


class LocalStream:
    """The stream of a stack that nothing else writes to; deliveries follow each other."""

    def __init__(self, stack: LocalStack, directory: Path) -> None:
        self.stack = stack
        self.directory = directory
        self.clients = clients_of(stack)
        self.mapping = _users_mapping(self.clients, stack)
        self._streams = self.clients.create("dynamodbstreams", ONE_ATTEMPT)
        self._sqs = self.clients.create("sqs", ONE_ATTEMPT)
        self._checkpoint: Checkpoint | None = None

    def write_at_once(self, users: Sequence[str]) -> dict[str, float]:
        """Write a change of each user as fast as possible; return when each was written."""
        written: dict[str, float] = {}
        for start in range(0, len(users), ITEMS_PER_CALL):
            call = users[start : start + ITEMS_PER_CALL]
            puts = [{"PutRequest": {"Item": user_image(user, user)}} for user in call]
            batch_write(self.clients.dynamodb, self.stack.outputs.users_table_name, puts)
            written |= dict.fromkeys(call, time.time())
        return written

    def write_at_random(self, users: Sequence[str], per_second: float, seed: int) -> dict[str, float]:
        """Write a change of each user at random times; return when each was written."""
        chance, written = Random(seed), dict[str, float]()  # noqa: S311  times, no secret
        table = self.stack.outputs.users_table_name
        due = time.time()
        for user in users:
            due += chance.expovariate(per_second)
            time.sleep(max(0.0, due - time.time()))
            began = time.time()
            self.clients.dynamodb.put_item(TableName=table, Item=user_image(user, user))
            # The record is in the stream before the answer arrives here.
            written[user] = (began + time.time()) / 2
        return written

    def deliver(
        self, settings: MappingSettings, records: int, write: Callable[[], Mapping[str, float]] = dict
    ) -> MeasuredRun:
        """Deliver until so many records are processed or given up, and call `write` meanwhile."""
        run = MeasuredRun(unsettled=records)
        reader = StreamsApiReader(lambda: self._streams, settings.stream_arn)
        ports = StreamPorts(
            list_shards=reader.list_shards,
            read=partial(run.read, reader.read),
            invoke=partial(run.invoke, self._invoke),
            send_document=partial(send_failure_document, lambda _service: self._sqs, settings),
            save=self._save,
            log=run.log,
        )
        poller = Poller(Delivery(settings, LOCAL_ASSUMPTIONS, self._checkpoint), ports, run.log)
        thread = threading.Thread(target=poller.run, args=(30.0,))
        thread.start()
        try:
            run.written = write()
            if not run.all_settled.wait(PATIENCE_SECONDS):
                raise TimeoutError(f"{run.unsettled} records are neither processed nor given up")
            run.ended = time.time()
        finally:
            poller.end()
            thread.join()
        return run

    def _invoke(self, batch: Batch) -> InvocationOutcome:
        return invoke_function(self.clients.lambda_, self.mapping.function_arn, event_payload(batch.records))

    def _save(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint


def _users_mapping(clients: Clients, stack: LocalStack) -> MappingSettings:
    """Return the mapping from the Users stream to its function."""
    (mapping,) = clients.lambda_.list_event_source_mappings(
        EventSourceArn=stack.outputs.users_stream_arn, FunctionName=stack.outputs.log_user_changes_function_name
    )["EventSourceMappings"]
    settings = read_settings(mapping)
    if not isinstance(settings, MappingSettings):
        raise TypeError(f"{settings.source_arn} is no stream")
    return settings


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
