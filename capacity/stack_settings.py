"""Reads the settings that matter for capacity from a stack's Pulumi.<stack>.yaml."""

from dataclasses import fields
from pathlib import Path

from capacity.workload import CapacitySettings, DeclaredConsumer
from infra.consumers import enabled_consumers
from infra.consumers.declaration import Consumer, Source
from infra.naming import PROJECT_ROOT
from infra.settings.check import load_settings
from infra.settings.stack_file import stack_file_config

EVENT_PUBLISHER = "publish_user_events"
"""The consumer whose changes become events on the bus: functions/publish_user_events."""


def stack_settings(stack: str, directory: Path = PROJECT_ROOT) -> CapacitySettings:
    """Read Pulumi.<stack>.yaml in the directory.

    Raises:
        FileNotFoundError: There is no such file.
        infra.settings.check.SettingsError: A setting is wrong; the message names each.
        infra.settings.stack_file.StackFileError: The file isn't a stack's.
    """
    settings = load_settings(stack, stack_file_config(stack, directory))
    names = {field.name for field in fields(CapacitySettings)} - {"consumers"}
    consumers = tuple(declared_consumer(consumer) for consumer in enabled_consumers(settings))
    return CapacitySettings(**{name: getattr(settings, name) for name in names}, consumers=consumers)


def declared_consumer(consumer: Consumer) -> DeclaredConsumer:
    """Return what the model needs of a consumer's declaration."""
    return DeclaredConsumer(
        name=consumer.logical_name,
        folder=consumer.folder,
        reads_users=consumer.source is Source.USERS_STREAM,
        has_queue=consumer.has_queue,
        kinds=consumer.kinds,
        batch_size=consumer.batch_size,
        maximum_concurrency=consumer.maximum_concurrency,
        memory_mb=consumer.memory_mb,
        publishes_events=consumer.folder == EVENT_PUBLISHER,
    )
