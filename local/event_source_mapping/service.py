"""Delivers one mapping for as long as it is wanted: follows its settings, and waits where nothing answers yet."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

from functions.structured_log import Log
from functions.transient_failures import AWS_CALL_ERRORS
from local.event_source_mapping.checkpoint import Checkpoint, MalformedCheckpointError
from local.event_source_mapping.checkpoint_file import CheckpointFile
from local.event_source_mapping.delivery import Delivery
from local.event_source_mapping.failure_destination import FailureDestination
from local.event_source_mapping.function_invoker import FunctionInvoker
from local.event_source_mapping.mapping_resource import MappingResource, is_no_mapping, read_mapping
from local.event_source_mapping.parameters import Parameters
from local.event_source_mapping.poller import Poller
from local.event_source_mapping.role_session import CALLS, RoleSession
from local.event_source_mapping.seams import World
from local.event_source_mapping.settings import UnsupportedMappingError
from local.event_source_mapping.stream_reader import StreamReader

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

LOCAL_PARAMETERS = Parameters(polls_per_second=20.0)
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
        parameters: For what AWS doesn't tell.
    """

    def __init__(
        self,
        account: Account,
        mapping_uuid: str,
        checkpoints: Path,
        log: Log,
        parameters: Parameters = LOCAL_PARAMETERS,
    ) -> None:
        self._account = account
        self._uuid = mapping_uuid
        self._checkpoints = checkpoints
        self._log = log
        self._parameters = parameters
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
