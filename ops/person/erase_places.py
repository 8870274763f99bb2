"""Take one person out of one place. Safe to repeat; what is another's stays."""

from collections.abc import Callable
from typing import NamedTuple

from ops.aws.person_tables import CHANGES_PER_CALL
from ops.aws.queues import Message, MessageQueue
from ops.aws.services import Services
from ops.dead_letters.peek import Peek, unread_remark
from ops.errors import NotFoundError
from ops.job import Job, in_batches
from ops.person.place import Place, message_is_of
from ops.person.queues import ConsumerQueue, DeadLetters, Pointers
from ops.person.stored import ActivityItems, KeyItems, LargeRecords, UserItem, envelope_is_of

VISIBILITY_TIMEOUT = 300
"""Seconds, long enough to read 100,000 messages. After a kill they become visible again then."""

WAIT_SECONDS = VISIBILITY_TIMEOUT + 30
"""How long to wait for messages in flight elsewhere: those of a killed erasure come back."""

PAUSE_SECONDS = 5

_AGAIN = "Run the same command again in 15 minutes."


class Removal(NamedTuple):
    """What was taken out of one place."""

    removed: int
    left: str | None = None
    """Why something of the person may still be there, and what to do; None if nothing is."""


def erase_place(place: Place, user_id: str, services: Services, job: Job) -> Removal:
    """Take what is the user's out of a place.

    The user itself is deleted before, with the marker (`ops.person.erase`).
    """
    match place:
        case UserItem():
            stored = services.person_tables().user(user_id) is not None
            removal = Removal(0, f"The user is stored again. {_AGAIN}" if stored else None)
        case KeyItems():
            removal = _free_keys(user_id, services, job)
        case ActivityItems():
            removal = _delete_history(user_id, services, job)
        case Pointers():
            # A pointer stays: it holds nothing of anybody, others' records may be in its range, and
            # the rescue leaves out those of an erased user.
            removal = _clear(
                place.queue,
                job,
                lambda message: place.pointer_of(message) is None and message_is_of(message.body, user_id),
            )
        case DeadLetters():
            removal = _clear(place.queue, job, lambda message: place.is_of(message, user_id))
        case ConsumerQueue():
            # What is in flight holds no value, and is skipped: its change isn't in Activity.
            removal = _clear(place.queue, job, lambda message: message_is_of(message.body, user_id), wait=False)
        case LargeRecords():
            removal = _delete_large_records(user_id, services, job)
        case _:
            raise AssertionError(f"nothing erases a person from {place.name}")
    return removal


def _free_keys(user_id: str, services: Services, job: Job) -> Removal:
    tables, freed = services.person_tables(), 0
    for keys in tables.keys_of(user_id):
        check_stop(job)
        freed += sum(tables.free_key(key, user_id) for key in keys)
    return Removal(freed)


def _delete_history(user_id: str, services: Services, job: Job) -> Removal:
    tables, deleted = services.person_tables(), 0
    for page in tables.changes(user_id):
        for change_ids in in_batches(page, CHANGES_PER_CALL):
            check_stop(job)
            tables.delete_changes(user_id, change_ids)
            deleted += len(change_ids)
    return Removal(deleted)


def _delete_large_records(user_id: str, services: Services, job: Job) -> Removal:
    store, deleted = services.envelopes(), 0
    for version in store.versions():
        check_stop(job)
        try:
            text = store.fetch_version(version)
        except NotFoundError:
            continue  # it expired meanwhile
        if envelope_is_of(text, user_id):
            store.delete_version(version)
            deleted += 1
    return Removal(deleted)


def _clear(queue: MessageQueue, job: Job, is_persons: Callable[[Message], bool], *, wait: bool = True) -> Removal:
    """Take the person's messages out of a queue, and release the others.

    The queue is read twice at most: SQS counts each time as a receive, and moves what was received
    too often.

    Args:
        queue: the queue.
        job: stops it, and waits.
        is_persons: says whether a message is about the person.
        wait: whether what others have in flight matters.
    """
    removed, remark = _clear_once(queue, job, is_persons)
    if remark and wait:
        _wait_for_others(queue, job)
        again, remark = _clear_once(queue, job, is_persons)
        removed += again
    return Removal(removed, f"{remark} {_AGAIN}" if remark and wait else None)


def _clear_once(queue: MessageQueue, job: Job, is_persons: Callable[[Message], bool]) -> tuple[int, str | None]:
    """Return how many messages were taken out, and why there may be more."""
    removed = kept = 0
    with Peek(queue, job.stop_requested, visibility_timeout=VISIBILITY_TIMEOUT, now=job.now) as peek:
        for message in peek.messages():
            if is_persons(message):
                deleted = peek.delete([message.message_id])
                removed += deleted
                kept += 1 - deleted
        remark = unread_remark(peek, queue.depth(), "")
    check_stop(job)
    return removed, f"{kept:,} messages could not be deleted." if kept else remark and remark.strip()


def _wait_for_others(queue: MessageQueue, job: Job) -> None:
    until = job.now() + WAIT_SECONDS
    while job.now() < until and queue.depth().in_flight:
        check_stop(job)
        job.pause(PAUSE_SECONDS)


def check_stop(job: Job) -> None:
    """Raise KeyboardInterrupt if a stop is requested."""
    if job.stop_requested():
        raise KeyboardInterrupt
