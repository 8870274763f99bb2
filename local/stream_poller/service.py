"""Delivers one mapping for as long as it is wanted: follows its settings, and waits where nothing answers yet."""

import fcntl
import hashlib
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from delivery.assumptions import Assumptions
from delivery.delivery import Delivery
from delivery.messages import Checkpoint, MalformedCheckpointError
from delivery.settings import MappingSettings, UnsupportedMappingError, read_settings
from functions.runtime.aws import AWS_CALL_ERRORS, error_code
from functions.runtime.json_log import Log
from local.stream_poller.invocation import FailureDestination, FunctionInvoker
from local.stream_poller.poller import Poller, World
from local.stream_poller.stream_reader import CALLS, RoleSession, StreamReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_lambda import LambdaClient


# The mapping and its function as Lambda's API tells of them.


@dataclass(frozen=True, kw_only=True)
class MappingResource:
    """What delivery needs to know of a mapping."""

    settings: MappingSettings
    role_arn: str
    """The function's: it reads the stream and sends failure documents."""
    timeout_seconds: int
    """How long the function may run."""


def read_mapping(client: "LambdaClient", uuid: str) -> MappingResource:
    """Read a mapping and its function.

    Raises:
        UnsupportedMappingError: The mapping can't be delivered here.
        botocore.exceptions.ClientError: There is no such mapping, or Lambda can't answer now.
        botocore.exceptions.BotoCoreError: Lambda can't be reached.
    """
    settings = read_settings(cast("Mapping[str, Any]", client.get_event_source_mapping(UUID=uuid)))
    function = client.get_function_configuration(FunctionName=settings.function_arn)
    return MappingResource(settings=settings, role_arn=function["Role"], timeout_seconds=function["Timeout"])


def is_no_mapping(error: Exception) -> bool:
    """Whether `read_mapping` failed because there is no such mapping: one without its function is another matter."""
    return (
        isinstance(error, ClientError)
        and error.operation_name == "GetEventSourceMapping"
        and error_code(error) == "ResourceNotFoundException"
    )


# The checkpoint of one stream and function in a file, which a crash at any moment leaves whole.


class AlreadyDeliveredError(Exception):
    """Another process delivers the same stream to the same function; the message says what to do."""


class CheckpointFile:
    """Keeps a checkpoint.

    Args:
        directory: Of all checkpoints; made if it isn't there.
        settings: Of the mapping, which names the file: another one begins anew, also from the same stream to the same
            function.
    """

    def __init__(self, directory: Path, settings: MappingSettings) -> None:
        digest = hashlib.sha256(f"{settings.uuid} {settings.stream_arn} {settings.function_arn}".encode()).hexdigest()
        function_name = settings.function_arn.split(":")[6]
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{function_name}-{digest[:16]}.json"

    @contextmanager
    def claim(self) -> Generator[None]:
        """Be the only process that delivers from this checkpoint; a crash gives it up.

        Raises:
            AlreadyDeliveredError: Another process is.
        """
        with self.path.with_suffix(".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyDeliveredError(
                    f"another poller delivers this mapping already: it has locked {lock.name}. End that one first."
                ) from None
            yield

    def load(self) -> Checkpoint | None:
        """Return what was saved last; None when nothing was.

        Raises:
            MalformedCheckpointError: The file holds something else.
        """
        try:
            return Checkpoint.from_json(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (MalformedCheckpointError, UnicodeDecodeError) as error:
            raise MalformedCheckpointError(f"{self.path} can't be read as a checkpoint: {error}") from None

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace what was saved, in one step.

        Not forced to the disk: what the system has taken outlives any end of this process, and what a power cut takes
        is only delivered again.
        """
        new = self.path.with_suffix(".new")
        new.write_text(checkpoint.to_json(), encoding="utf-8")
        new.replace(self.path)


LOCAL_ASSUMPTIONS = Assumptions(polls_per_second=20.0)
"""On one machine nobody else reads the stream, and its user looks on: read more often than AWS does."""

SETTINGS_SECONDS = 2.0
"""Between two looks at the mapping."""

LOOK_SECONDS = 0.25
"""Between two looks for a mapping that isn't there yet."""

ANSWER_SLACK_SECONDS = 10
"""How much longer than the function may run its answer is waited for."""

MOST_INVOCATIONS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where the services are, and whose keys call Lambda and assume the function's role."""

    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str

    def client(self, service: str, config: Config) -> Any:
        """Return a client."""
        return Session().create_client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=config,
        )


class MappingService:
    """Delivers one mapping.

    Args:
        account: Where.
        mapping_uuid: Which.
        checkpoints: Directory of the checkpoints.
        log: Takes what happens.
        assumptions: For what AWS doesn't tell.
    """

    def __init__(
        self,
        account: Account,
        mapping_uuid: str,
        checkpoints: Path,
        log: Log,
        assumptions: Assumptions = LOCAL_ASSUMPTIONS,
    ) -> None:
        self._account = account
        self._uuid = mapping_uuid
        self._checkpoints = checkpoints
        self._log = log
        self._parameters = assumptions
        self._lambda: LambdaClient = account.client("lambda", CALLS)
        self._poller: Poller | None = None
        self._ended = False

    def end(self) -> None:
        """Come to an end. May be called from any thread and from a signal handler."""
        self._ended = True
        if self._poller is not None:
            self._poller.end()

    def run(self, grace_seconds: float) -> None:
        """Deliver until `end` is called.

        Args:
            grace_seconds: How long invocations under way are then waited for.

        Raises:
            AlreadyDeliveredError: Another process delivers this mapping.
            UnsupportedMappingError: The mapping can't be delivered here.
        """
        while (resource := self._wait_for_mapping()) is not None:
            checkpoint_file = CheckpointFile(self._checkpoints, resource.settings)
            with checkpoint_file.claim():
                self._log("INFO", "DELIVERY BEGUN:", mapping=self._uuid, settings=vars(resource.settings))
                self._deliver(resource, checkpoint_file, grace_seconds)
        self._log("INFO", "DELIVERY ENDED:", mapping=self._uuid)

    def _deliver(self, resource: MappingResource, checkpoint_file: CheckpointFile, grace_seconds: float) -> None:
        """Deliver until the settings change, the clock is set back, or all ends."""
        settings = resource.settings
        role = RoleSession(
            self._account.client("sts", CALLS), resource.role_arn, self._account.region, self._account.endpoint_url
        )
        self._poller = Poller(
            Delivery(settings, self._parameters, self._load(checkpoint_file)),
            World(
                reader=StreamReader(lambda: role.client("dynamodbstreams"), settings.stream_arn, role.renew_after),
                invoker=FunctionInvoker(self._invoking_client(resource), settings.function_arn),
                destination=FailureDestination(role.client, settings, role.renew_after),
                store=checkpoint_file,
                log=self._log,
            ),
        )
        if self._ended:  # told between two lines above, where no poller was there to tell
            return
        delivered = threading.Event()
        watch = threading.Thread(target=self._end_on_change, args=(resource, self._poller, delivered), daemon=True)
        watch.start()
        try:
            self._poller.run(grace_seconds)
        finally:
            delivered.set()

    def _invoking_client(self, resource: MappingResource) -> "LambdaClient":
        # Not repeated by itself: each invocation is one that the delivery knows of.
        config = Config(
            connect_timeout=2,
            read_timeout=resource.timeout_seconds + ANSWER_SLACK_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=MOST_INVOCATIONS_AT_ONCE,
        )
        return self._account.client("lambda", config)

    def _load(self, checkpoint_file: CheckpointFile) -> Checkpoint | None:
        try:
            return checkpoint_file.load()
        except MalformedCheckpointError as error:
            self._log("ERROR", "CHECKPOINT UNREADABLE:", reason=str(error), next="all that the stream has comes again")
            return Checkpoint()

    def _end_on_change(self, resource: MappingResource, poller: Poller, delivered: threading.Event) -> None:
        """End the poller when the mapping says something else than it said."""
        while not delivered.wait(SETTINGS_SECONDS):
            try:
                current = read_mapping(self._lambda, self._uuid)
            except AWS_CALL_ERRORS as error:
                if not is_no_mapping(error):
                    continue  # The poller's own calls say so.
                current = None
            except UnsupportedMappingError:
                current = None  # The next start says so.
            if current != resource:
                self._log("INFO", "MAPPING CHANGED:", mapping=self._uuid)
                poller.end()
                return

    def _wait_for_mapping(self) -> MappingResource | None:
        """Return the mapping as soon as Lambda tells of it, None when all ends; say once what is the matter."""
        said = False
        while not self._ended:
            try:
                return read_mapping(self._lambda, self._uuid)
            except AWS_CALL_ERRORS as error:
                if not said:
                    self._log("WARNING", "MAPPING OUT OF REACH:", mapping=self._uuid, reason=str(error))
                    said = True
            time.sleep(LOOK_SECONDS)
        return None
