"""Sends every change in Activity to the topic that further consumers read."""

from infra.consumers.declaration import Consumer, Source

CONSUMER = Consumer(
    folder="fan_out_user_changes",
    description="Sends every change of a user to the topic that further consumers read",
    source=Source.ACTIVITY_STREAM,
)
