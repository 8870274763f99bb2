"""Delivers one mapping in a thread of its own, from its checkpoint, until it is ended."""

import os
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from delivery.assumptions import Assumptions
from delivery.decisions import InvocationOutcome
from delivery.delivery import Delivery
from delivery.event_counts import EventCounts
from delivery.messages import Checkpoint, MalformedCheckpointError, StreamWritten
from delivery.queue import QueueDelivery
from delivery.queue_messages import QueueCheckpoint
from delivery.records import Batch, event_payload
from delivery.settings import MappingSettings, QueueMappingSettings
from functions.runtime.json_log import Log
from local.aws_clients import ONE_ATTEMPT, Clients, RoleSession
from local.event_source_mappings.checkpoint_file import AlreadyDeliveredError, AnyCheckpoint, CheckpointFile
from local.event_source_mappings.function import invoke_function, send_request_ids
from local.event_source_mappings.poller import Poller
from local.event_source_mappings.queue_ports import QueuePorts
from local.event_source_mappings.status import MappingStatus, State
from local.event_source_mappings.stream_ports import StreamPorts, send_failure_document
from local.event_source_mappings.stream_reader import StreamsApiReader

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

LOCAL_ASSUMPTIONS = Assumptions(
    polls_per_second=20.0,
    idle_polls_per_second=0.2,
    idle_seconds=0.0,
    queue_concurrency=max(2, os.cpu_count() or 1),
)
"""Streams are polled more often than by AWS: on one machine nobody else reads them, and its user is
waiting. When a read gave nothing, the next one is due when a write is told of, and only to be safe
before that. Each batch in flight takes a process, and those of all mappings share the machine."""

ANSWER_SLACK_SECONDS = 10
"""How much longer than the function's timeout its response is waited for."""

MOST_INVOCATIONS_AT_ONCE = 64

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
"""Before a delivery that failed begins again."""

_PROBLEMS = frozenset({"WARNING", "ERROR"})


@dataclass(frozen=True, kw_only=True)
class MappedFunction:
    """A mapping with what delivery needs of its function."""

    settings: MappingSettings | QueueMappingSettings
    role_arn: str
    """Reads the source and sends failure documents."""
    timeout_seconds: int

    @property
    def function_name(self) -> str:
        """The function's name, without an alias."""
        return self.settings.function_arn.split(":")[6]


class ServedMapping:
    """One mapping, with its checkpoint below the directory `checkpoints`.

    What fails in its delivery is logged and begins again after a pause; it ends no other mapping's.
    """

    def __init__(
        self, clients: Clients, mapped: MappedFunction, checkpoints: Path, log: Log, counts: EventCounts
    ) -> None:
        """Prepare the delivery. `counts` are those of earlier deliveries of the same mapping."""
        self.mapped = mapped
        self._clients = clients
        self._checkpoints = checkpoints
        self._write_log = log
        self._earlier_counts = counts
        self._counts = EventCounts()
        self._poller: Poller[Any, Any] | None = None
        self._ended = threading.Event()
        self._grace_seconds = 0.0
        self._state: State = "waiting"
        self._reason = ""
        self._problem: tuple[datetime, str] | None = None
        self._iterator_age_seconds: float | None = None
        self._thread = threading.Thread(target=self._run, name=mapped.settings.uuid, daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def end(self, grace_seconds: float) -> None:
        """Start no further action; `join` waits until it has ended."""
        self._grace_seconds = grace_seconds
        self._ended.set()
        if self._poller is not None:
            self._poller.end()

    def tell_written(self) -> None:
        """Say that streams were written to; without that, a change is only delivered later."""
        if self._poller is not None and isinstance(self.mapped.settings, MappingSettings):
            self._poller.tell(StreamWritten())

    def join(self) -> None:
        """Wait until the delivery has ended, with invocations in flight for the grace time."""
        self._thread.join(self._grace_seconds + 1)

    @property
    def counts(self) -> EventCounts:
        """What became of the mapping's records, with the earlier deliveries'."""
        return self._earlier_counts + self._counts

    def status(self) -> MappingStatus:
        """Return what can be said of it now."""
        at, problem = self._problem or (None, "")
        return MappingStatus(
            uuid=self.mapped.settings.uuid,
            source_arn=self.mapped.settings.source_arn,
            function_name=self.mapped.function_name,
            state=self._state,
            reason=self._reason,
            last_problem=problem,
            last_problem_at=at,
            counts=self.counts.metrics(),
        )

    def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._ended.is_set():
            begun = time.monotonic()
            try:
                self._deliver()
            except AlreadyDeliveredError as error:
                self._set_aside("waiting", str(error))
            except Exception as error:  # noqa: BLE001  the other mappings are delivered whatever it is
                self._set_aside("failing", f"{type(error).__name__}: {error}")
            else:
                continue
            if time.monotonic() - begun > _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._ended.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        self._log("INFO", "DELIVERY ENDED:")

    def _set_aside(self, state: State, reason: str) -> None:
        if (self._state, self._reason) != (state, reason):
            self._log("ERROR", "NO DELIVERY:", reason=reason)
        self._state, self._reason = state, reason

    def _deliver(self) -> None:
        """Deliver until the clock is set back, or `end` is called."""
        settings = self.mapped.settings
        if isinstance(settings, QueueMappingSettings):
            file = CheckpointFile(self._checkpoints, settings, QueueCheckpoint)
            with file.claim():
                delivery = QueueDelivery(settings, LOCAL_ASSUMPTIONS, self._load(file, QueueCheckpoint()))
                ports = self._queue_ports(settings, file)
                try:
                    self._poll(Poller(delivery, ports, self._log), delivery.counts)
                finally:
                    ports.close()
        else:
            file = CheckpointFile(self._checkpoints, settings, Checkpoint)
            with file.claim():
                delivery = Delivery(settings, LOCAL_ASSUMPTIONS, self._load(file, Checkpoint()))
                self._poll(Poller(delivery, self._stream_ports(settings, file), self._log), delivery.counts)

    def _poll(self, poller: Poller[Any, Any], counts: EventCounts) -> None:
        self._earlier_counts, self._counts = self.counts, counts
        self._poller = poller
        if self._ended.is_set():  # `end` was called while there was no poller to end
            return
        self._state, self._reason = "delivering", ""
        self._log("INFO", "DELIVERY BEGUN:", settings=vars(self.mapped.settings))
        poller.run(self._grace_seconds)

    def _load(self, file: CheckpointFile[AnyCheckpoint], empty: AnyCheckpoint) -> AnyCheckpoint | None:
        try:
            return file.load()
        except MalformedCheckpointError as error:
            next_step = "all records in the stream, and what is in flight in the queue, come again"
            self._log("ERROR", "CHECKPOINT UNREADABLE:", reason=str(error), next=next_step)
            return empty

    def _stream_ports(self, settings: MappingSettings, file: CheckpointFile[Checkpoint]) -> StreamPorts:
        role = self._role()
        reader = StreamsApiReader(lambda: role.client("dynamodbstreams"), settings.stream_arn)
        client = self._invoking_client()
        return StreamPorts(
            list_shards=reader.list_shards,
            read=reader.read,
            invoke=lambda batch: self._invoke(client, settings.function_arn, batch),
            send_document=partial(send_failure_document, role.client, settings),
            save=file.save,
            log=self._log,
        )

    def _invoke(self, client: "LambdaClient", function_arn: str, batch: Batch) -> InvocationOutcome:
        # Source: Lambda developer guide, "Types of metrics for Lambda functions": of a batch's last
        # record, when it is sent to the function.
        age = max(0.0, time.time() - batch.records[-1].written_at)
        self._iterator_age_seconds = max(age, self._iterator_age_seconds or 0.0)
        return invoke_function(client, function_arn, event_payload(batch.records), batch.request_id)

    def take_iterator_age(self) -> float | None:
        """Return the highest age in seconds since the last call; None if nothing was delivered."""
        age, self._iterator_age_seconds = self._iterator_age_seconds, None
        return age

    def _queue_ports(self, settings: QueueMappingSettings, file: CheckpointFile[QueueCheckpoint]) -> QueuePorts:
        role = self._role()
        return QueuePorts(
            role_client=lambda: role.client("sqs"),
            own_client=self._clients.create("sqs", ONE_ATTEMPT),
            settings=settings,
            assumptions=LOCAL_ASSUMPTIONS,
            invoke=partial(invoke_function, self._invoking_client(), settings.function_arn),
            save=file.save,
            log=self._log,
        )

    def _role(self) -> RoleSession:
        sts = self._clients.create("sts", ONE_ATTEMPT)
        return RoleSession(sts, self.mapped.role_arn, self._clients.region, self._clients.endpoint_url)

    def _invoking_client(self) -> "LambdaClient":
        read_timeout = self.mapped.timeout_seconds + ANSWER_SLACK_SECONDS
        config = Config(read_timeout=read_timeout, max_pool_connections=MOST_INVOCATIONS_AT_ONCE)
        client: LambdaClient = self._clients.create("lambda", ONE_ATTEMPT.merge(config))
        send_request_ids(client)
        return client

    def _log(self, level: str, message: str, **fields: object) -> None:
        if level in _PROBLEMS:
            self._problem = (
                datetime.now(UTC),
                f"{message} {fields.get('reason') or fields.get('failure') or ''}".strip(),
            )
        self._write_log(level, message, mapping=self.mapped.settings.uuid, function=self.mapped.function_name, **fields)
