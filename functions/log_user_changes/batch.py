"""One batch of the Users stream, processed so that no record is lost, doubled in effect, or hidden by a bad one.

1. Every record is read. One that can never be processed is set aside; the others are changes.
2. The changes are written to Activity, in stream order and in large calls.
3. The records set aside go whole to the dead-letter queue.
4. What is settled is logged, in stream order: a line in the log means that the change is durable.

The first record that met a trouble that may pass (see `functions/runtime/aws.py`) ends the batch: it and all
after it come again. What was written beyond it is written again then, to the same keys, and logged only then.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from functions.activity.items import ActivityWriter
from functions.dead_letters.envelope import DeadLetterSender, FailedRecord, identify_record
from functions.runtime.json_log import Json, JsonObject, Log
from functions.stream_records.attribute_values import PlainValue
from functions.stream_records.user_change import (
    UnknownEventError,
    UnprocessableRecordError,
    UserChange,
    parse_user_change,
    utc_text,
)

# The log lines of a change, in full or with personal data masked.

VISIBLE_WHEN_MASKED = frozenset({"userId", "version", "createdAt", "updatedAt", "schemaVersion"})
"""A list of what may be seen, not of what may not: an attribute that is added later is masked until someone decides.
registrationDigest stays out, since a digest of three guessable values can be guessed."""

MASK = "***"

Image = Mapping[str, PlainValue]


def log_change(log: Log, change: UserChange, show: Callable[[Image], Image]) -> None:
    """Log one change: one line, or for an update one with the old image and one with the new.

    Args:
        log: Where to.
        change: What happened.
        show: `full_image` or `masked_image`. The names of changed fields are always told, and who deleted a user.
    """
    old, new = change.old, change.new
    if old is not None and new is not None:
        _log_image(log, "USER UPDATED - OLD:", change, show(old))
        _log_image(log, "USER UPDATED - NEW:", change, show(new), changedFields=change.changed_fields)
    elif new is not None:
        _log_image(log, "USER ADDED:", change, show(new))
    elif old is not None:
        _log_image(log, "USER DELETED:", change, show(old), actor=change.actor)


def _log_image(log: Log, message: str, change: UserChange, image: Image, **more: object) -> None:
    log(
        "INFO",
        message,
        userId=change.user_id,
        eventId=change.event_id,
        sequenceNumber=change.sequence_number,
        occurredAt=utc_text(change.occurred_seconds),
        image=image,
        **more,
    )


def full_image(image: Image) -> Image:
    """Return the image as it is."""
    return image


def masked_image(image: Image) -> Image:
    """Return the image with everything hidden that could say who the user is; not even lengths or types remain."""
    return {name: value if name in VISIBLE_WHEN_MASKED else MASK for name, value in image.items()}


UNKNOWN_EVENT = "UNKNOWN EVENT:"
SET_ASIDE = "RECORD SET ASIDE:"
STOPPED = "BATCH STOPPED:"


class BatchOutcome(NamedTuple):
    """How far a batch came."""

    settled: int
    """So many records, from the first on, are durable in Activity or in the dead-letter queue, and logged."""
    stopped_at: str | None
    """Sequence number of the first record to deliver again, None when there is none. An empty text, which the mapping
    takes for the whole batch, when that record has no sequence number."""
    reason: str | None
    """Why it stopped there."""

    def response(self) -> JsonObject:
        """Return the answer that the mapping reads (Lambda developer guide, "ReportBatchItemFailures")."""
        failures = [] if self.stopped_at is None else [{"itemIdentifier": self.stopped_at}]
        return {"batchItemFailures": failures}


class _SetAside(NamedTuple):
    message: str
    reason: str


def process_batch(  # noqa: PLR0913  each is one seam, and named at the call
    records: Sequence[Json],
    *,
    activity: ActivityWriter,
    dead_letters: DeadLetterSender,
    log: Log,
    mask_personal_data: bool,
    source_function: str,
    now: Callable[[], float],
) -> BatchOutcome:
    """Process the records of one invocation.

    Args:
        records: As Lambda delivers them, in stream order. Any JSON: a broken one is set aside like another.
        activity: Where changes are kept.
        dead_letters: Where records go that can never be processed.
        log: Where changes are told.
        mask_personal_data: Whether log lines hide who the user is.
        source_function: This function's ARN, for the envelopes.
        now: Seconds since the epoch.

    Raises:
        Exception: Whatever the writer or the sender doesn't foresee, so that the mapping isolates the record.
    """
    readings = [_read(record) for record in records]
    settled, interruption = _write(readings, activity)

    leaving = {at: reading for at, reading in enumerate(readings[:settled]) if isinstance(reading, _SetAside)}
    if leaving:
        failed_at = utc_text(now())
        sent = dead_letters.send(
            [_envelope(records[at], reading.reason, source_function, failed_at) for at, reading in leaving.items()]
        )
        if sent.interruption is not None:
            settled, interruption = list(leaving)[sent.sent], sent.interruption

    show = masked_image if mask_personal_data else full_image
    for record, reading in zip(records[:settled], readings, strict=False):
        if isinstance(reading, UserChange):
            log_change(log, reading, show)
        else:
            _log_set_aside(log, reading, record)
    stopped_at = None
    if interruption is not None:
        stopped_at = identify_record(records[settled]).sequence_number or ""
        log("WARNING", STOPPED, sequenceNumber=stopped_at, reason=interruption, comeAgain=len(records) - settled)
    return BatchOutcome(settled, stopped_at, interruption)


def _read(record: Json) -> UserChange | _SetAside:
    try:
        return parse_user_change(record)
    except UnknownEventError as error:
        return _SetAside(UNKNOWN_EVENT, str(error))
    except UnprocessableRecordError as error:
        return _SetAside(SET_ASIDE, str(error))


def _write(readings: list[UserChange | _SetAside], activity: ActivityWriter) -> tuple[int, str | None]:
    """Write the changes among the readings, and set aside in their places those that can't be stored.

    Returns:
        How many readings, from the first on, that settled, and why not more.
    """
    changes = [reading for reading in readings if isinstance(reading, UserChange)]
    written = activity.write(changes)
    if not written.rejected and written.interruption is None:
        return len(readings), None
    positions = [at for at, reading in enumerate(readings) if isinstance(reading, UserChange)]
    for index, reason in written.rejected.items():
        readings[positions[index]] = _SetAside(SET_ASIDE, reason)
    return len(readings) if written.interruption is None else positions[written.settled], written.interruption


def _envelope(record: Json, reason: str, source_function: str, failed_at: str) -> FailedRecord:
    identity = identify_record(record)
    return FailedRecord(
        failure_id=identity.failure_id,
        kind="permanent",
        reason=reason,
        record=record,
        attempts=1,
        source_function=source_function,
        event_source_arn=identity.event_source_arn,
        sequence_number=identity.sequence_number,
        user_id=identity.user_id,
        first_failed_at=failed_at,
        last_failed_at=failed_at,
    )


def _log_set_aside(log: Log, set_aside: _SetAside, record: Json) -> None:
    identity = identify_record(record)
    log(
        "ERROR",
        set_aside.message,
        reason=set_aside.reason,
        failureId=identity.failure_id,
        sequenceNumber=identity.sequence_number,
        userId=identity.user_id,
    )
