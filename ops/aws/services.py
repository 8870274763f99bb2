"""One stack's AWS services; each client is created on first use, so that a command pays only for its own."""

from typing import TYPE_CHECKING, Any, Protocol

from botocore.config import Config
from botocore.session import Session
from typing_extensions import override

from infra.naming import physical_name
from infra.outputs import StackOutputs
from ops.aws.cloudwatch import AwsMonitoring, Monitoring
from ops.aws.function import LambdaStreamFunction, StreamFunction
from ops.aws.sqs import CONCURRENT_CALLS, MessageQueue, SqsQueue
from ops.aws.tables import ActivityReader, DynamoActivityReader, DynamoUsersReader, UsersReader
from ops.aws.user_keys import DynamoUserKeysTable, UserKeysTable
from ops.errors import OpsError, translate_aws_errors
from ops.stack_outputs import LocalPoller, StackAccess

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

INVOCATION_SECONDS = 905
"""Lambda ends an invocation after at most 900 seconds."""

_CALLS = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=CONCURRENT_CALLS,
)

# The client doesn't retry: the outcome of a lost invocation is unknown, and the caller has to know that.
_INVOCATIONS = Config(connect_timeout=5, read_timeout=INVOCATION_SECONDS, retries={"total_max_attempts": 1})


class EnvelopeStore(Protocol):
    """Stores the envelopes that are too large for a message, at `s3://bucket/key`.

    Both methods raise NotFoundError if the object or the bucket doesn't exist, and DeniedError if IAM denies the call.
    """

    def fetch(self, location: str) -> str:
        """Return an envelope's text."""
        ...

    def keep(self, location: str, text: str) -> None:
        """Write an envelope, replacing what is there."""
        ...


class Services(Protocol):
    """The services of one stack. Tests replace it with a stack in memory."""

    outputs: StackOutputs
    source: str
    """The option that names the stack: `--stack dev`."""

    def dead_letter_queue(self) -> MessageQueue:
        """Return the queue of failed records."""
        ...

    def failure_queue(self) -> MessageQueue:
        """Return the queue of the event source mapping's failure metadata, called pointers."""
        ...

    def redrive_queue(self) -> MessageQueue:
        """Return the failure queue's redrive queue, with the pointers that the rescue failed to process."""
        ...

    def envelopes(self) -> EnvelopeStore:
        """Return the store of large envelopes."""
        ...

    def stream_function(self) -> StreamFunction:
        """Return the function log_user_changes."""
        ...

    def activity(self) -> ActivityReader:
        """Return the Activity table."""
        ...

    def users(self) -> UsersReader:
        """Return the Users table."""
        ...

    def user_keys(self) -> UserKeysTable:
        """Return the UserKeys table."""
        ...

    def monitoring(self) -> Monitoring:
        """Return the event source mapping's state, the metrics and the alarms."""
        ...

    def local_poller(self) -> LocalPoller | None:
        """Return the poller of the stack local; None for a stack in AWS."""
        ...


class S3EnvelopeStore:
    """The envelopes in S3."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def fetch(self, location: str) -> str:
        """Read the object."""
        bucket, key = _bucket_and_key(location)
        with translate_aws_errors(f"the failed record {location}"):
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8")

    def keep(self, location: str, text: str) -> None:
        """Write the object."""
        bucket, key = _bucket_and_key(location)
        with translate_aws_errors(f"the failed record {location}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")


def _bucket_and_key(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if not location.startswith("s3://") or not key:
        raise OpsError(f"{location!r} isn't an s3://bucket/key address")
    return bucket, key


class AwsServices(Services):
    """The services of a deployed stack, in AWS or in the emulator."""

    def __init__(self, access: StackAccess, profile: str | None) -> None:
        self.outputs = access.outputs
        self.source = access.source
        self._access = access
        self._session = Session(profile=profile)
        self._clients: dict[tuple[str, Config], Any] = {}

    @override
    def dead_letter_queue(self) -> SqsQueue:
        return SqsQueue(self.client("sqs"), self.outputs.dead_letter_queue_url)

    @override
    def failure_queue(self) -> SqsQueue:
        return SqsQueue(self.client("sqs"), self.outputs.failure_queue_url)

    @override
    def redrive_queue(self) -> SqsQueue:
        # Not among the stack's outputs, because only operators need it. Its URL differs from the failure queue's in
        # the name alone.
        name = physical_name("UserChangesFailureRedriveQueue", self.outputs.environment)
        return SqsQueue(self.client("sqs"), f"{self.outputs.failure_queue_url.rpartition('/')[0]}/{name}")

    @override
    def envelopes(self) -> S3EnvelopeStore:
        return S3EnvelopeStore(self.client("s3"))

    @override
    def stream_function(self) -> LambdaStreamFunction:
        return LambdaStreamFunction(self.client("lambda", _INVOCATIONS), self.outputs.log_user_changes_function_name)

    @override
    def activity(self) -> DynamoActivityReader:
        return DynamoActivityReader(self.client("dynamodb"), self.outputs.activity_table_name)

    @override
    def users(self) -> DynamoUsersReader:
        return DynamoUsersReader(self.client("dynamodb"), self.outputs.users_table_name)

    @override
    def user_keys(self) -> DynamoUserKeysTable:
        outputs = self.outputs
        return DynamoUserKeysTable(self.client("dynamodb"), outputs.user_keys_table_name, outputs.users_table_name)

    @override
    def monitoring(self) -> AwsMonitoring:
        return AwsMonitoring(self.client("lambda"), self.client("cloudwatch"))

    @override
    def local_poller(self) -> LocalPoller | None:
        return self._access.local_poller

    def client(self, service: str, config: Config = _CALLS) -> Any:
        """Return the service's client for this stack's region and endpoint; created on first use."""
        if (service, config) not in self._clients:
            endpoint = self._access.endpoint
            with translate_aws_errors("the AWS configuration"):
                self._clients[service, config] = self._session.create_client(
                    service,
                    region_name=self.outputs.region,
                    config=config,
                    endpoint_url=endpoint.url if endpoint else None,
                    aws_access_key_id=endpoint.access_key_id if endpoint else None,
                    aws_secret_access_key=endpoint.secret_access_key if endpoint else None,
                )
        return self._clients[service, config]
