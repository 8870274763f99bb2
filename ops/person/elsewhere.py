"""What may hold data of a person and can't be searched for one, or is outside of the stack.

An export doesn't have it, and nothing here can be erased. `until` is when it is gone by itself, if
nothing of the person is written any more.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from functions.runtime.json_log import utc_timestamp
from functions.users.confirmation import LINK_SECONDS
from infra.naming import function_log_group
from ops.aws.services import Services
from ops.errors import NotFoundError
from ops.stack_outputs import function_names

STREAM_HOURS = 24
"""A stream keeps its records for so long (DynamoDB developer guide, "Change data capture for
DynamoDB Streams")."""


SQS_DAYS = 14
"""A queue's longest retention (SQS developer guide, "Amazon SQS message quotas")."""

TTL_HOURS = 48
"""DynamoDB deletes an expired item within so long (DynamoDB developer guide, "Using time to live
(TTL) in DynamoDB")."""


class Remainder(NamedTuple):
    """One of them, in one stack."""

    name: str  # in the export and in docs/data.md
    resource: str
    holds: str
    until: str | None
    """ISO 8601 in UTC; None if nobody here knows, and `holds` says who does."""


def elsewhere(services: Services, now: datetime) -> list[Remainder]:
    """Return what a stack keeps elsewhere, asked from the services themselves."""
    return [
        *_of_tables(services, now),
        *_of_registrations(services, now),
        *_of_logs(services, now),
        *_of_events(services, now),
        _OPERATORS_FILES,
    ]


_OPERATORS_FILES = Remainder(
    "operators-files",
    "files on operators' machines",
    "failed records that `dlq export` or `dlq discard` saved, and earlier exports: delete them by hand",
    None,
)


def _of_tables(services: Services, now: datetime) -> Iterator[Remainder]:
    outputs, retention = services.outputs, services.retention()
    for table in (outputs.users_table_name, outputs.user_keys_table_name, outputs.activity_table_name):
        days = retention.recovery_days(table)
        if days is not None:
            what = "the table at any second of these days; a table restored from it is a place of its own"
            yield Remainder("backups", table, what, _until(now, timedelta(days=days)))
    streamed = {
        "users-stream": (outputs.users_table_name, "each change, with the user before and after it"),
        "activity-stream": (outputs.activity_table_name, "each new item of the history"),
    }
    for name, (table, holds) in streamed.items():
        yield Remainder(name, table, holds, _until(now, timedelta(hours=STREAM_HOURS)))


def _of_registrations(services: Services, now: datetime) -> Iterator[Remainder]:
    outputs = services.outputs
    if outputs.registration_mails_queue_url is None:
        return
    holds = "registrations whose link nobody has followed: they belong to nobody yet, and are found by no address"
    until = _until(now, timedelta(seconds=LINK_SECONDS, hours=TTL_HOURS))
    yield Remainder("registrations", outputs.user_keys_table_name, holds, until)
    until = _until(now, timedelta(days=SQS_DAYS))
    for queue in (outputs.registration_mails_queue_url, outputs.registration_mails_dead_letter_queue_url):
        name = (queue or "").rpartition("/")[2]
        yield Remainder("registration-mails", name, "ids of registrations that a mail is due about; no value", until)


def _of_logs(services: Services, now: datetime) -> Iterator[Remainder]:
    retention = services.retention()
    for function in function_names(services.outputs):
        group = function_log_group(function)
        try:
            days = retention.log_days(group)
        except NotFoundError:
            continue
        holds = "the user's id; with maskPersonalData off, the values of each change too"
        if days is None:
            yield Remainder("logs", group, f"{holds}; the group has no retention: set one", None)
        else:
            yield Remainder("logs", group, holds, _until(now, timedelta(days=days)))


def _of_events(services: Services, now: datetime) -> Iterator[Remainder]:
    outputs = services.outputs
    if outputs.user_events_archive_name is None:
        return
    days = services.retention().archive_days(outputs.user_events_archive_name)
    holds = "the user's id; with userEventsPersonalData on, the values of each change too"
    until = None if days is None else _until(now, timedelta(days=days))
    yield Remainder("event-archive", outputs.user_events_archive_name, holds, until)
    what = "what other teams made of the events: each team knows"
    yield Remainder("subscribers", outputs.user_events_bus_name or "the bus", what, None)


def _until(now: datetime, kept: timedelta) -> str:
    return utc_timestamp(now.astimezone(UTC) + kept)
