"""The AWS services of one stack, each made when it is first asked for."""

from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

from infra.naming import physical_name
from infra.outputs import StackOutputs
from ops.aws.cloudwatch import AwsStackWatch
from ops.aws.function import LambdaChangeFunction
from ops.aws.sqs import CALLS_AT_A_TIME, SqsQueue
from ops.aws.tables import DynamoActivityTable, DynamoUsersTable
from ops.aws.user_keys import DynamoUserKeysTable
from ops.errors import OpsError, explained
from ops.services import LocalPoller
from ops.stack_outputs import StackAccess

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

INVOCATION_SECONDS = 905
"""Lambda ends an invocation after 900 seconds at the latest."""

_CALLS = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=CALLS_AT_A_TIME,
)

# Not repeated by the client: what came of the first attempt is unknown, so who sends it again must know that it did.
_INVOCATIONS = Config(connect_timeout=5, read_timeout=INVOCATION_SECONDS, retries={"total_max_attempts": 1})


class S3EnvelopeStore:
    """Keeps envelopes in S3."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def fetch(self, location: str) -> str:
        """Read `s3://bucket/key`."""
        bucket, key = _bucket_and_key(location)
        with explained(f"the failed record {location}"):
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8")

    def keep(self, location: str, text: str) -> None:
        """Write `s3://bucket/key`."""
        bucket, key = _bucket_and_key(location)
        with explained(f"the failed record {location}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")


def _bucket_and_key(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if not location.startswith("s3://") or not key:
        raise OpsError(f"{location!r} isn't an s3://bucket/key address")
    return bucket, key


class AwsServices:
    """A deployed stack's services, in AWS or in the emulator."""

    def __init__(self, access: StackAccess, profile: str | None) -> None:
        self._access = access
        self._session = Session(profile=profile)
        self._clients: dict[tuple[str, Config], Any] = {}

    @property
    def outputs(self) -> StackOutputs:
        """The stack's outputs."""
        return self._access.outputs

    @property
    def source(self) -> str:
        """The option that names the stack."""
        return self._access.source

    def dead_letters(self) -> SqsQueue:
        """Return the queue of failed records."""
        return SqsQueue(self.client("sqs"), self.outputs.dead_letter_queue_url)

    def failures(self) -> SqsQueue:
        """Return the queue of the mapping's failure messages."""
        return SqsQueue(self.client("sqs"), self.outputs.failure_queue_url)

    def set_aside_failures(self) -> SqsQueue:
        """Return the queue of failure messages that the rescue could not take."""
        # No output of the stack: nobody but an operator has to do with it. It lies beside the failure queue.
        name = physical_name("UserChangesFailureRedriveQueue", self.outputs.environment)
        return SqsQueue(self.client("sqs"), f"{self.outputs.failure_queue_url.rpartition('/')[0]}/{name}")

    def envelopes(self) -> S3EnvelopeStore:
        """Return the store of envelopes too large for a message."""
        return S3EnvelopeStore(self.client("s3"))

    def change_function(self) -> LambdaChangeFunction:
        """Return the function log_user_changes."""
        return LambdaChangeFunction(self.client("lambda", _INVOCATIONS), self.outputs.log_user_changes_function_name)

    def activity(self) -> DynamoActivityTable:
        """Return the Activity table."""
        return DynamoActivityTable(self.client("dynamodb"), self.outputs.activity_table_name)

    def users(self) -> DynamoUsersTable:
        """Return the Users table."""
        return DynamoUsersTable(self.client("dynamodb"), self.outputs.users_table_name)

    def user_keys(self) -> DynamoUserKeysTable:
        """Return the UserKeys table."""
        outputs = self.outputs
        return DynamoUserKeysTable(self.client("dynamodb"), outputs.user_keys_table_name, outputs.users_table_name)

    def watch(self) -> AwsStackWatch:
        """Return what tells of the stack's health."""
        return AwsStackWatch(self.client("lambda"), self.client("cloudwatch"))

    def local_poller(self) -> LocalPoller | None:
        """Return who delivers on the stack local."""
        return self._access.local_poller

    def client(self, service: str, config: Config = _CALLS) -> Any:
        """Return the client of a service, for this stack's region and endpoint; made when first asked for."""
        if (service, config) not in self._clients:
            endpoint = self._access.endpoint
            with explained("the AWS configuration"):
                self._clients[service, config] = self._session.create_client(
                    service,
                    region_name=self.outputs.region,
                    config=config,
                    endpoint_url=endpoint.url if endpoint else None,
                    aws_access_key_id=endpoint.access_key_id if endpoint else None,
                    aws_secret_access_key=endpoint.secret_access_key if endpoint else None,
                )
        return self._clients[service, config]
