"""One stack's AWS services; each client is created on first use, since that takes time."""

from typing import Any

from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError
from botocore.session import Session

from functions.runtime.intact_answers import refuse_damaged_answers
from infra.consumers.declaration import Source
from infra.naming import LIVE_ALIAS, physical_name
from ops.aws.check_traces import CheckTraces
from ops.aws.cloudwatch import Monitoring
from ops.aws.function import ConsumerFunction
from ops.aws.logs import LogGroups
from ops.aws.person_tables import PersonTables
from ops.aws.queues import CONCURRENT_CALLS, EnvelopeStore, MessageQueue
from ops.aws.retention import Retention
from ops.aws.streams import StreamReader, TableStream, read_table_stream
from ops.aws.tables import ActivityReader, UsersReader
from ops.aws.user_keys import UserKeysTable
from ops.aws.users_api import UsersApi
from ops.consumers import StackConsumer, consumers_of
from ops.errors import NotFoundError, translate_aws_errors
from ops.stack_outputs import LocalPoller, StackAccess, function_names

INVOCATION_SECONDS = 905  # Lambda ends an invocation after at most 900 seconds

_CALLS = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=CONCURRENT_CALLS,
)

# No retry: the outcome of an invocation without a response is unknown, as the caller has to know.
_INVOCATIONS = Config(connect_timeout=5, read_timeout=INVOCATION_SECONDS, retries={"total_max_attempts": 1})


class Services:
    """The services of one stack, in AWS or in the emulator; StackAccess explains the attributes."""

    def __init__(self, access: StackAccess, profile: str | None) -> None:
        self.outputs = access.outputs
        self.source = access.source
        self._read_local_poller = access.read_local_poller
        self._options: dict[str, Any] = dict(access.client_options)
        self._session = Session(profile=profile)
        self._clients: dict[tuple[str, Config], Any] = {}

    def read_local_poller(self) -> LocalPoller | None:
        """Return how the local poller is now; None for a stack in AWS."""
        return self._read_local_poller()

    def dead_letter_queue(self) -> MessageQueue:
        """Return the queue of failed records."""
        return self.queue_at(self.outputs.dead_letter_queue_url)

    def failure_queue(self) -> MessageQueue:
        """Return the queue of the event source mapping's failure metadata, called pointers."""
        return self.queue_at(self.outputs.failure_queue_url)

    def redrive_queue(self) -> MessageQueue:
        """Return the redrive queue of the pointers that the rescue failed to process."""
        # No output of the stack, because only operators need it. Its URL differs in the name alone.
        name = physical_name("UserChangesFailureRedriveQueue", self.outputs.environment)
        return self.queue_at(f"{self.outputs.failure_queue_url.rpartition('/')[0]}/{name}")

    def queue_at(self, url: str) -> MessageQueue:
        """Return a queue by its URL."""
        return MessageQueue(self.client("sqs"), url)

    @property
    def account_id(self) -> str:
        """The stack's AWS account, as its outputs name it."""
        return self.outputs.users_stream_arn.split(":")[4]

    def envelopes(self) -> EnvelopeStore:
        """Return the store of large envelopes."""
        return EnvelopeStore(self.client("s3"), self.outputs.failed_records_bucket_name, self.account_id)

    def consumers(self) -> tuple[StackConsumer, ...]:
        """Return every declared consumer, in the order of the list."""
        return consumers_of(self.outputs)

    def stream_function(self) -> ConsumerFunction:
        """Return the function log_user_changes."""
        return self._function(self.outputs.log_user_changes_function_name, Source.USERS_STREAM)

    def consumer_function(self, consumer: StackConsumer) -> ConsumerFunction:
        """Return a consumer's function; a NotFoundError if the stack's settings switch it off."""
        if consumer.function_name is None:
            raise NotFoundError(f"{consumer.name} is switched off in this stack", "switch it on in its settings")
        return self._function(consumer.function_name, consumer.declaration.source)

    def _function(self, name: str, source: Source) -> ConsumerFunction:
        return ConsumerFunction(self.client("lambda", _INVOCATIONS), name, source)

    def activity(self) -> ActivityReader:
        """Return the Activity table."""
        return ActivityReader(self.client("dynamodb"), self.outputs.activity_table_name)

    def users(self) -> UsersReader:
        """Return the Users table."""
        return UsersReader(self.client("dynamodb"), self.outputs.users_table_name)

    def user_keys(self) -> UserKeysTable:
        """Return the UserKeys table."""
        names = self.outputs.user_keys_table_name, self.outputs.users_table_name
        return UserKeysTable(self.client("dynamodb"), *names)

    def person_tables(self) -> PersonTables:
        """Return the tables as an erasure writes them."""
        return PersonTables(self.client("dynamodb"), self.outputs)

    def check_traces(self) -> CheckTraces:
        """Return the Activity table as `check` writes it."""
        return CheckTraces(self.client("dynamodb"), self.outputs.activity_table_name)

    def users_api(self) -> UsersApi:
        """Return the stack's HTTP API; a CredentialsError if there is nothing to sign with."""
        key_id, secret = (self._options.get(name) for name in ("aws_access_key_id", "aws_secret_access_key"))
        with translate_aws_errors("the AWS credentials"):
            found = Credentials(key_id, secret) if key_id and secret else self._session.get_credentials()
            if found is None:
                raise NoCredentialsError
        return UsersApi(self.outputs.api_url, self.outputs.region, found)

    def caller_arn(self) -> str:
        """Return the ARN of whoever runs the command."""
        with translate_aws_errors("the identity of the caller"):
            return self.client("sts").get_caller_identity()["Arn"]

    def longest_timeout(self) -> int:
        """Return after how many seconds Lambda has ended any invocation that runs now."""
        timeouts: list[int] = []
        client = self.client("lambda")
        for name in function_names(self.outputs):
            # Traffic that shifts goes to the newest version too.
            for version in (f"{name}:{LIVE_ALIAS}", name):
                with translate_aws_errors(f"the function {version}"):
                    timeouts.append(client.get_function_configuration(FunctionName=version)["Timeout"])
        return max(timeouts)

    def streams(self) -> StreamReader:
        """Return the streams of the tables."""
        return StreamReader(self.client("dynamodbstreams"))

    def logs(self) -> LogGroups:
        """Return the log groups."""
        return LogGroups(self.client("logs"))

    def retention(self) -> Retention:
        """Return how long the services keep what can't be searched."""
        return Retention(self.client("dynamodb"), self.client("logs"), self.client("events"))

    def stream_of(self, source: Source) -> TableStream:
        """Return the stream that the table of a source has now."""
        of_users = source is Source.USERS_STREAM
        table = self.outputs.users_table_name if of_users else self.outputs.activity_table_name
        return read_table_stream(self.client("dynamodb"), table)

    def monitoring(self) -> Monitoring:
        """Return the source of the mapping's state, the metrics and the alarms."""
        return Monitoring(self.client("lambda"), self.client("cloudwatch"))

    def client(self, service: str, config: Config = _CALLS) -> Any:
        """Return the service's client for this stack's region and endpoint."""
        if (service, config) not in self._clients:
            with translate_aws_errors("the AWS configuration"):
                client = self._session.create_client(
                    service, region_name=self.outputs.region, config=config, **self._options
                )
            refuse_damaged_answers(client)
            self._clients[service, config] = client
        return self._clients[service, config]
