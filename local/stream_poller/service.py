"""Delivers one mapping until it is ended, from a checkpoint that is kept in a file.

`MappingService` waits for the mapping, and begins again when its settings change.
"""

import hashlib
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from delivery.assumptions import Assumptions
from delivery.delivery import Delivery
from delivery.messages import Checkpoint, MalformedCheckpointError
from delivery.settings import MappingSettings, UnsupportedMappingError, read_settings
from functions.runtime.aws import AWS_CALL_ERRORS, error_code
from functions.runtime.json_log import Log
from local.aws_clients import ONE_ATTEMPT, Clients, RoleSession
from local.state import try_lock
from local.stream_poller.poller import Poller, Ports, invoke_function, send_failure_document
from local.stream_poller.stream_reader import StreamsApiReader

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

LOCAL_ASSUMPTIONS = Assumptions(polls_per_second=20.0)
"""More often than AWS: on one machine nobody else reads the stream, and its user is waiting."""

SETTINGS_SECONDS = 2.0
"""Between two reads of the mapping's settings."""

MISSING_MAPPING_SECONDS = 0.25
"""Between two reads of a mapping that doesn't exist yet."""

ANSWER_SLACK_SECONDS = 10
"""How much longer than the function's timeout its response is waited for."""

MOST_INVOCATIONS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class MappedFunction:
    """A mapping with what delivery needs of its function."""

    settings: MappingSettings
    role_arn: str
    """Reads the stream and sends failure documents."""
    timeout_seconds: int


def read_mapping(client: "LambdaClient", uuid: str) -> MappedFunction:
    """Read a mapping and its function; raise UnsupportedMappingError if it can't be delivered."""
    mapping: Any = client.get_event_source_mapping(UUID=uuid)
    settings = read_settings(mapping)
    function = client.get_function_configuration(FunctionName=settings.function_arn)
    return MappedFunction(settings=settings, role_arn=function["Role"], timeout_seconds=function["Timeout"])


class AlreadyDeliveredError(Exception):
    """Another process delivers the same mapping; the message says what to do."""


class CheckpointFile:
    """Keeps the checkpoint of a mapping below `directory`, which is created if missing.

    Mapping, stream and function name the file: a new mapping begins at its starting position.
    """

    def __init__(self, directory: Path, settings: MappingSettings) -> None:
        digest = hashlib.sha256(f"{settings.uuid} {settings.stream_arn} {settings.function_arn}".encode()).hexdigest()
        function_name = settings.function_arn.split(":")[6]
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{function_name}-{digest[:16]}.json"

    @contextmanager
    def claim(self) -> Generator[None]:
        """Hold the lock that lets one process deliver from here; a crash releases it.

        Raise AlreadyDeliveredError if another process holds it.
        """
        with self.path.with_suffix(".lock").open("a") as lock:
            if not try_lock(lock):
                raise AlreadyDeliveredError(
                    f"another poller already delivers this mapping: it has locked {lock.name}. End that one first."
                )
            yield

    def load(self) -> Checkpoint | None:
        """Return the last checkpoint, or None; raise MalformedCheckpointError for other content."""
        try:
            return Checkpoint.from_json(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (MalformedCheckpointError, UnicodeDecodeError) as error:
            raise MalformedCheckpointError(f"{self.path} can't be read as a checkpoint: {error}") from None

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the saved checkpoint in one step.

        The file is not synced to the disk: a crash of the process can't lose it, and after a power
        failure the records are only delivered again.
        """
        new = self.path.with_suffix(".new")
        new.write_text(checkpoint.to_json(), encoding="utf-8")
        new.replace(self.path)


class MappingService:
    """Delivers one mapping, with its checkpoint below the directory `checkpoints`."""

    def __init__(self, clients: Clients, mapping_uuid: str, checkpoints: Path, log: Log) -> None:
        self._clients = clients
        self._uuid = mapping_uuid
        self._checkpoints = checkpoints
        self._log = log
        self._lambda: LambdaClient = clients.create("lambda", ONE_ATTEMPT)
        self._poller: Poller | None = None
        self._ended = False

    def end(self) -> None:
        """End the delivery. May be called from any thread and from a signal handler."""
        self._ended = True
        if self._poller is not None:
            self._poller.end()

    def run(self, grace_seconds: float) -> None:
        """Deliver until `end` is called; then wait this long for invocations in flight.

        Raise AlreadyDeliveredError if another process delivers this mapping, and
        UnsupportedMappingError if the mapping can't be delivered here.
        """
        while (mapped := self._wait_for_mapping()) is not None:
            checkpoint_file = CheckpointFile(self._checkpoints, mapped.settings)
            with checkpoint_file.claim():
                self._log("INFO", "DELIVERY BEGUN:", mapping=self._uuid, settings=vars(mapped.settings))
                self._deliver(mapped, checkpoint_file, grace_seconds)
        self._log("INFO", "DELIVERY ENDED:", mapping=self._uuid)

    def _deliver(self, mapped: MappedFunction, checkpoint_file: CheckpointFile, grace_seconds: float) -> None:
        """Deliver until the settings change, the clock is set back, or `end` is called."""
        clients, settings = self._clients, mapped.settings
        role = RoleSession(clients.create("sts", ONE_ATTEMPT), mapped.role_arn, clients.region, clients.endpoint_url)
        read_timeout = mapped.timeout_seconds + ANSWER_SLACK_SECONDS
        invoking = ONE_ATTEMPT.merge(Config(read_timeout=read_timeout, max_pool_connections=MOST_INVOCATIONS_AT_ONCE))
        reader = StreamsApiReader(lambda: role.client("dynamodbstreams"), settings.stream_arn)
        ports = Ports(
            list_shards=reader.list_shards,
            read=reader.read,
            invoke=partial(invoke_function, clients.create("lambda", invoking), settings.function_arn),
            send_document=partial(send_failure_document, role.client, settings),
            save=checkpoint_file.save,
            log=self._log,
        )
        self._poller = Poller(Delivery(settings, LOCAL_ASSUMPTIONS, self._load(checkpoint_file)), ports)
        if self._ended:  # `end` was called while there was no poller to end
            return
        delivered = threading.Event()
        watch = threading.Thread(target=self._end_on_change, args=(mapped, self._poller, delivered), daemon=True)
        watch.start()
        try:
            self._poller.run(grace_seconds)
        finally:
            delivered.set()

    def _load(self, checkpoint_file: CheckpointFile) -> Checkpoint | None:
        try:
            return checkpoint_file.load()
        except MalformedCheckpointError as error:
            next_step = "all records in the stream are delivered again"
            self._log("ERROR", "CHECKPOINT UNREADABLE:", reason=str(error), next=next_step)
            return Checkpoint()

    def _end_on_change(self, mapped: MappedFunction, poller: Poller, delivered: threading.Event) -> None:
        """End the poller when the mapping's settings change, or the mapping is deleted."""
        while not delivered.wait(SETTINGS_SECONDS):
            try:
                current = read_mapping(self._lambda, self._uuid)
            except AWS_CALL_ERRORS as error:
                if not _is_missing_mapping(error):
                    continue  # The poller's own calls report it.
                current = None
            except UnsupportedMappingError:
                current = None  # The next start reports it.
            if current != mapped:
                self._log("INFO", "MAPPING CHANGED:", mapping=self._uuid)
                poller.end()
                return

    def _wait_for_mapping(self) -> MappedFunction | None:
        """Return the mapping once it can be read, None after `end`; log once why it can't be."""
        logged = False
        while not self._ended:
            try:
                return read_mapping(self._lambda, self._uuid)
            except AWS_CALL_ERRORS as error:
                if not logged:
                    self._log("WARNING", "MAPPING OUT OF REACH:", mapping=self._uuid, reason=str(error))
                    logged = True
            time.sleep(MISSING_MAPPING_SECONDS)
        return None


def _is_missing_mapping(error: Exception) -> bool:
    """Whether the mapping doesn't exist. A mapping whose function is missing doesn't count."""
    return (
        isinstance(error, ClientError)
        and error.operation_name == "GetEventSourceMapping"
        and error_code(error) == "ResourceNotFoundException"
    )
