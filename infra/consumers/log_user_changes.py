"""Logs every change of a user, and keeps it in Activity."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from infra.components.statement import Statement, allow
from infra.consumers.declaration import Consumer, Source

if TYPE_CHECKING:
    import pulumi

    from infra.components.resources import StackResources


def _variables(resources: "StackResources") -> Mapping[str, "pulumi.Input[str]"]:
    settings = resources.environment.settings
    return {
        "USERS_TABLE": resources.store.users.name,
        "USER_KEYS_TABLE": resources.store.user_keys.name,
        "ACTIVITY_TABLE": resources.store.activity.name,
        "ACTIVITY_RETENTION_DAYS": str(settings.activity_retention_days),
        "DELETED_USER_HISTORY_DAYS": str(settings.deleted_user_history_days),
        "MASK_PERSONAL_DATA": "true" if settings.mask_personal_data else "false",
    }


def _statements(resources: "StackResources") -> Sequence[Statement]:
    settings, activity = resources.environment.settings, [resources.store.activity.arn]
    limits_histories = settings.deleted_user_history_days < settings.activity_retention_days
    return [
        # The closing items of a batch's users are read before their changes are written.
        allow("WriteActivity", ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"], activity),
        # A user deleted past the API leaves keys: they are freed unless the user is stored again.
        allow("CheckUsers", ["dynamodb:ConditionCheckItem"], [resources.store.users.arn]),
        allow("FreeKeys", ["dynamodb:DeleteItem"], [resources.store.user_keys.arn]),
        # The history of a deleted user expires sooner, or loses its values.
        *([allow("LimitHistories", ["dynamodb:Query", "dynamodb:PutItem"], activity)] if limits_histories else []),
    ]


CONSUMER = Consumer(
    folder="log_user_changes",
    description="Logs every change of a user and keeps it in the user's history",
    source=Source.USERS_STREAM,
    variables=_variables,
    statements=_statements,
)
