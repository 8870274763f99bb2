"""Logs every change of a user, and keeps it in Activity."""

from infra.consumers.declaration import Consumer, Source

CONSUMER = Consumer(
    folder="log_user_changes",
    description="Logs every change of a user and keeps it in the user's history",
    source=Source.USERS_STREAM,
)
