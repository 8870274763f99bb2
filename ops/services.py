"""What the commands work with: one stack, as its services."""

from typing import NamedTuple, Protocol

from infra.outputs import StackOutputs
from ops.aws.cloudwatch import StackWatch
from ops.aws.function import ChangeFunction
from ops.aws.sqs import MessageQueue
from ops.aws.tables import ActivityTable, UsersTable
from ops.aws.user_keys import UserKeysTable
from ops.dead_letters.message import EnvelopeStore


class LocalPoller(NamedTuple):
    """The process that delivers on the stack local, in the event source mapping's place."""

    pid: int | None
    running: bool


class Services(Protocol):
    """One stack; the tests put one in memory in its place."""

    @property
    def outputs(self) -> StackOutputs:
        """The stack's outputs."""
        ...

    @property
    def source(self) -> str:
        """The option that names the stack."""
        ...

    def dead_letters(self) -> MessageQueue:
        """Return the queue of failed records."""
        ...

    def failures(self) -> MessageQueue:
        """Return the queue of the mapping's failure messages."""
        ...

    def set_aside_failures(self) -> MessageQueue:
        """Return the queue of failure messages that the rescue could not take."""
        ...

    def envelopes(self) -> EnvelopeStore:
        """Return the store of envelopes too large for a message."""
        ...

    def change_function(self) -> ChangeFunction:
        """Return the function log_user_changes."""
        ...

    def activity(self) -> ActivityTable:
        """Return the Activity table."""
        ...

    def users(self) -> UsersTable:
        """Return the Users table."""
        ...

    def user_keys(self) -> UserKeysTable:
        """Return the UserKeys table."""
        ...

    def watch(self) -> StackWatch:
        """Return what tells of the stack's health."""
        ...

    def local_poller(self) -> LocalPoller | None:
        """Return who delivers on the stack local; None for a stack in AWS."""
        ...
