"""Take one person out of one place. Safe to repeat; what is another's stays."""

import json
from collections.abc import Callable
from typing import NamedTuple

from functions.rescue_failed_batches.failure_document import MalformedDocumentError, parse_failure_document
from functions.runtime.json_log import Json, JsonObject, json_line
from ops.aws.person_tables import CHANGES_PER_CALL
from ops.aws.queues import Message, MessageQueue, OutgoingMessage
from ops.aws.services import Services
from ops.dead_letters.peek import Peek, unread_remark
from ops.errors import NotFoundError
from ops.job import Job, in_batches
from ops.person.place import Place, is_of, message_is_of
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
            removal = _clear(place.queue, job, lambda message: _pointer_without(message, user_id))
        case DeadLetters():
            removal = _clear(place.queue, job, lambda message: "" if place.is_of(message, user_id) else None)
        case ConsumerQueue():
            # What is in flight holds no value, and is skipped: its change isn't in Activity.
            removal = _clear(
                place.queue, job, lambda message: "" if message_is_of(message.body, user_id) else None, wait=False
            )
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


def _clear(queue: MessageQueue, job: Job, without: Callable[[Message], str | None], *, wait: bool = True) -> Removal:
    """Take the person's messages out of a queue, and release the others.

    The queue is read twice at most: SQS counts each time as a receive, and moves what was received
    too often.

    Args:
        queue: the queue.
        job: stops it, and waits.
        without: returns what stays of a message without the person: None if it isn't about the
            person, "" if nothing does.
        wait: whether what others have in flight matters.
    """
    removed, remark = _clear_once(queue, job, without)
    if remark and wait:
        _wait_for_others(queue, job)
        again, remark = _clear_once(queue, job, without)
        removed += again
    return Removal(removed, f"{remark} {_AGAIN}" if remark and wait else None)


def _clear_once(queue: MessageQueue, job: Job, without: Callable[[Message], str | None]) -> tuple[int, str | None]:
    """Return how many messages were taken out, and why there may be more."""
    removed = kept = 0
    with Peek(queue, job.stop_requested, visibility_timeout=VISIBILITY_TIMEOUT, now=job.now) as peek:
        for message in peek.messages():
            rest = without(message)
            if rest is None:
                continue
            if rest:
                queue.send([OutgoingMessage(rest, message.attributes)])
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


def _pointer_without(message: Message, user_id: str) -> str | None:
    """Return a failure message without the records of the user that it carries itself.

    A mere pointer stays: it holds nothing of anybody, others' records may be in its range, and the
    rescue leaves out those of an erased user.
    """
    try:
        records = parse_failure_document(message.body).records
    except MalformedDocumentError:
        return "" if message_is_of(message.body, user_id) else None
    document: JsonObject = json.loads(message.body)
    if records is None:
        # A payload that isn't whole serves no rescue.
        if message_is_of(json_line(document.get("payload")), user_id):
            del document["payload"]
            return json_line(document)
        return None
    others = [record for record in records if not is_of(record, user_id)]
    if len(others) == len(records):
        return None
    if not others:
        return ""
    payload: Json = document["payload"]
    event: JsonObject = json.loads(payload) if isinstance(payload, str) else payload
    event = {**event, "Records": others}
    document["payload"] = json_line(event) if isinstance(payload, str) else event
    ends = [record.get("dynamodb", {}).get("SequenceNumber") for record in (others[0], others[-1])]
    batch = document["DDBStreamBatchInfo"]
    batch["batchSize"] = len(others)
    batch |= {
        name: end
        for name, end in zip(("startSequenceNumber", "endSequenceNumber"), ends, strict=True)
        if isinstance(end, str)
    }
    return json_line(document)


def check_stop(job: Job) -> None:
    """Raise KeyboardInterrupt if a stop is requested."""
    if job.stop_requested():
        raise KeyboardInterrupt
