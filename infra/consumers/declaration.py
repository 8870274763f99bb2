"""What a consumer declares, and the names that follow from it.

A consumer is a folder below functions/ with a handler, and a `Consumer` in a module of
infra/consumers/. Pulumi isn't imported here.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, get_args

from infra.naming import ENVIRONMENT_MAXIMUM_LENGTH, REGION_MAXIMUM_LENGTH, physical_name
from infra.settings.model import StackSettings

if TYPE_CHECKING:
    import pulumi

    from infra.components.resources import StackResources
    from infra.components.statement import Statement

Kind = Literal["ADDED", "UPDATED", "DELETED"]
"""What a change did to a user: functions/stream_records/user_change.py."""

QUEUE_BATCH_SIZE = 10
"""The most messages of a FIFO queue in one invocation. Source: Lambda API reference,
CreateEventSourceMapping, BatchSize."""


LIMITS: Mapping[str, tuple[int, int]] = {
    "batch_size": (1, QUEUE_BATCH_SIZE),
    "maximum_receives": (1, 1000),
    "maximum_concurrency": (2, 1000),
    "memory_mb": (128, 10_240),
    "timeout_seconds": (1, 900),
}
"""Source: Lambda API reference, CreateEventSourceMapping and CreateFunction; SQS API reference,
CreateQueue, RedrivePolicy."""

MAXIMUM_PREFIX_LENGTH = 64 - len("Function--") - ENVIRONMENT_MAXIMUM_LENGTH - REGION_MAXIMUM_LENGTH
"""Of `WelcomeNewUsers` in `WelcomeNewUsersFunction-dev-eu-west-1`, a role's name. Source: IAM user
guide, "IAM and AWS STS quotas"."""

_FOLDER = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


class ConsumerDeclarationError(ValueError):
    """A consumer is declared in a way that can't work; the message says what must be instead."""


class Source(StrEnum):
    """Where a consumer's changes come from.

    A stream's shard takes two readers, and the event source mapping of the consumer named here and
    the rescue are both. So a further consumer reads the topic. Source: DynamoDB developer guide,
    "Reading and processing a stream".
    """

    USERS_STREAM = "users-stream"
    """The Users table's stream: log_user_changes alone."""
    ACTIVITY_STREAM = "activity-stream"
    """The Activity table's stream: fan_out_user_changes alone."""
    USER_CHANGES = "user-changes"
    """The topic of the changes, by a queue of the consumer's own: everybody else."""


STREAM_VIEW_TYPES = {Source.USERS_STREAM: "NEW_AND_OLD_IMAGES", Source.ACTIVITY_STREAM: "NEW_IMAGE"}
"""What each stream's records hold. Of Users both images: an update is read from their difference,
and a delete has only an old one. Of Activity the new image: an item of the history is written once,
and is all that consumers need."""


def _always(_settings: StackSettings) -> bool:
    return True


def _no_variables(_resources: "StackResources") -> Mapping[str, "pulumi.Input[str]"]:
    return {}


def _no_statements(_resources: "StackResources") -> Sequence["Statement"]:
    return []


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """One consumer of users' changes.

    The two that read a stream take batch size, memory, timeout and retries from the stack's
    settings (`stream...`); the numbers below are for those that read the topic.
    """

    folder: str
    """Below functions/; `handler.py` in it has the function `handler`."""
    description: str
    """One sentence, for the console and docs/consumers.md."""
    source: Source = Source.USER_CHANGES
    kinds: tuple[Kind, ...] = ("ADDED", "UPDATED", "DELETED")
    """Other changes are filtered out before the consumer's queue, and cost it nothing."""
    backfilled: bool = False
    """Whether it also gets the users that `python -m ops backfill` puts into the history."""
    batch_size: int = QUEUE_BATCH_SIZE
    maximum_receives: int = 5
    """How often a change is tried before it goes to the dead-letter queue."""
    maximum_concurrency: int = 10
    """Concurrent invocations, 2 to 1000 (SQS's limits): more users at once, each in order."""
    memory_mb: int = 256
    timeout_seconds: int = 30
    enabled: Callable[[StackSettings], bool] = _always
    variables: Callable[["StackResources"], Mapping[str, "pulumi.Input[str]"]] = _no_variables
    """Environment variables, besides those of its delivery."""
    statements: Callable[["StackResources"], Sequence["Statement"]] = _no_statements
    """What its role allows, besides its delivery and its own log."""

    def __post_init__(self) -> None:
        """Raise `ConsumerDeclarationError` for a declaration that AWS, or this program, refuses."""
        if problems := "; ".join(self._problems()):
            raise ConsumerDeclarationError(f"infra/consumers/{self.folder}.py: {problems}")

    def _problems(self) -> Iterator[str]:
        if not _FOLDER.fullmatch(self.folder):
            yield f"folder is {self.folder!r}: must be words of a-z and 0-9, joined by _"
        if len(self.prefix) > MAXIMUM_PREFIX_LENGTH:
            yield (
                f"folder is {self.folder!r}: must have at most {MAXIMUM_PREFIX_LENGTH} letters and digits, "
                "because it is part of its role's name"
            )
        if not self.kinds or not set(self.kinds) <= set(get_args(Kind)):
            yield f"kinds is {self.kinds}: must be some of {', '.join(get_args(Kind))}"
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                yield f"{name} is {value}: must be {least} to {most}"

    @property
    def filter_policy(self) -> dict[str, list[str]]:
        """Which messages of the topic go into its queue, by the messages' attributes.

        Source: SNS developer guide, "Amazon SNS subscription filter policies".
        """
        return {"kind": list(self.kinds), "origin": ["change", *(["backfill"] if self.backfilled else [])]}

    @property
    def base_name(self) -> str:
        """The function's name without the environment: `WelcomeNewUsersFunction`."""
        return f"{self.prefix}Function"

    @property
    def prefix(self) -> str:
        """What the names of its resources and alarms begin with: `WelcomeNewUsers`."""
        return "".join(word.capitalize() for word in self.folder.split("_"))

    @property
    def logical_name(self) -> str:
        """Its name in Pulumi and on every command line: `welcome-new-users`."""
        return self.folder.replace("_", "-")

    @property
    def has_queue(self) -> bool:
        """Whether it has a queue, and a failure queue, of its own."""
        return self.source is Source.USER_CHANGES

    @property
    def function_output(self) -> str:
        """The stack output with its function's name: `welcomeNewUsersFunctionName`."""
        return self._output("FunctionName")

    @property
    def queue_output(self) -> str:
        """The stack output with its queue's URL: `welcomeNewUsersQueueUrl`."""
        return self._output("QueueUrl")

    @property
    def failure_queue_output(self) -> str:
        """The stack output with its failure queue's URL: `welcomeNewUsersFailureQueueUrl`."""
        return self._output("FailureQueueUrl")

    def function_name(self, environment: str) -> str:
        """Return the function's name in the account."""
        return physical_name(self.base_name, environment)

    def queue_name(self, environment: str) -> str:
        """Return the queue's name in the account; SQS wants FIFO queues to end in `.fifo`."""
        return f"{physical_name(f'{self.prefix}Queue', environment)}.fifo"

    def failure_queue_name(self, environment: str) -> str:
        """Return the failure queue's name in the account."""
        return f"{physical_name(f'{self.prefix}FailureQueue', environment)}.fifo"

    def _output(self, suffix: str) -> str:
        return f"{self.prefix[0].lower()}{self.prefix[1:]}{suffix}"
