"""Sends every change in Activity to the topic that further consumers read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from infra.components.statement import Statement, allow
from infra.consumers.declaration import Consumer, Source

if TYPE_CHECKING:
    import pulumi

    from infra.components.resources import StackResources


def _variables(resources: "StackResources") -> Mapping[str, "pulumi.Input[str]"]:
    return {
        "USER_CHANGES_TOPIC_ARN": resources.user_changes.topic.arn,
        "ACTIVITY_TABLE": resources.store.activity.name,
    }


def _statements(resources: "StackResources") -> Sequence[Statement]:
    return [
        allow("PublishUserChanges", ["sns:Publish"], [resources.user_changes.topic.arn]),
        # Whether the user of a record for the dead-letter queue is erased.
        allow("ReadActivity", ["dynamodb:BatchGetItem"], [resources.store.activity.arn]),
    ]


CONSUMER = Consumer(
    folder="fan_out_user_changes",
    description="Sends every change of a user to the topic that further consumers read",
    source=Source.ACTIVITY_STREAM,
    variables=_variables,
    statements=_statements,
)
