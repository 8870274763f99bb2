"""The resources of a stack that a consumer's declaration may name."""

from dataclasses import dataclass

from infra.components.failed_records import FailedRecords
from infra.components.user_changes_topic import UserChangesTopic
from infra.components.user_events import UserEvents
from infra.components.users_store import UsersStore
from infra.environment import Environment


@dataclass(frozen=True, kw_only=True)
class StackResources:
    """What exists before the consumers do.

    Attributes:
        environment: the stack and its settings.
        store: the tables.
        failed_records: the failure queue, the dead-letter queue and the bucket.
        user_events: the bus of the events for other teams; None if the stack publishes none.
        user_changes: the topic of the changes.
    """

    environment: Environment
    store: UsersStore
    failed_records: FailedRecords
    user_events: UserEvents | None
    user_changes: UserChangesTopic
