"""One batch of the Users stream, processed so that no record is lost, doubled or held up.

1. Read every record: it is a change of a user, or it can never be processed.
2. Write the changes to Activity, in stream order and in large calls.
3. Send the unprocessable records whole to the dead-letter queue.
4. Log what is settled, in stream order: a line in the log means that the change is durable.

The first record that meets a transient failure (see functions/runtime/aws.py) ends the batch: it
and all later ones are delivered again. Changes that were written beyond it are then written again,
to the same keys, and logged only then.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from functions.activity.items import ActivityWriter, WriteOutcome
from functions.dead_letters.envelope import DeadLetterSender, FailedRecord, identify_record
from functions.runtime.json_log import Json, JsonObject, Log, utc_timestamp
from functions.stream_records.attribute_values import PlainValue
from functions.stream_records.user_change import (
    UnknownEventError,
    UnprocessableRecordError,
    UserChange,
    parse_user_change,
)
from functions.users.attributes import ATTRIBUTES, visible_when_masked

UNKNOWN_EVENT = "UNKNOWN EVENT:"
DEAD_LETTERED = "RECORD SET ASIDE:"
STOPPED = "BATCH STOPPED:"
VISIBLE_WHEN_MASKED = visible_when_masked(ATTRIBUTES)
MASK = "***"

_Reading = UserChange | UnprocessableRecordError
_PlainImage = Mapping[str, PlainValue]


class BatchOutcome(NamedTuple):
    """How far a batch came."""

    settled: int
    """That many records, from the first on, are logged and in Activity or the dead-letter queue."""
    stopped_at: str | None
    """Sequence number of the first record to deliver again, None if there is none. If that record
    has no sequence number it is "", by which the mapping delivers the whole batch again."""
    reason: str | None
    """Why it stopped there."""

    def response(self) -> JsonObject:
        """Return the mapping's answer (Lambda developer guide, "ReportBatchItemFailures")."""
        failures = [] if self.stopped_at is None else [{"itemIdentifier": self.stopped_at}]
        return {"batchItemFailures": failures}


def process_batch(  # noqa: PLR0913  each is a dependency or a setting, named at the call
    records: Sequence[Json],
    *,
    activity: ActivityWriter,
    dead_letters: DeadLetterSender,
    log: Log,
    mask_personal_data: bool,
    source_function: str,
    now: Callable[[], float],
) -> BatchOutcome:
    """Process the records of one invocation: any JSON, in stream order.

    `source_function` is this function's ARN; `now` returns seconds since the epoch. Whatever
    `activity` or `dead_letters` didn't foresee is raised, and the mapping isolates its record.
    """
    readings = [_read(record) for record in records]
    written = activity.write([reading for reading in readings if isinstance(reading, UserChange)])
    readings, settled = _after_write(readings, written)
    interruption = written.interruption

    errors = {at: error for at, error in enumerate(readings[:settled]) if isinstance(error, UnprocessableRecordError)}
    failed: dict[int, FailedRecord] = {}
    if errors:
        failed_at = utc_timestamp(now())
        failed = {at: _envelope(records[at], error, source_function, failed_at) for at, error in errors.items()}
        sent = dead_letters.send(list(failed.values()))
        if sent.interruption is not None:
            settled, interruption = list(failed)[sent.sent], sent.interruption

    show = masked_image if mask_personal_data else full_image
    for position, reading in enumerate(readings[:settled]):
        if isinstance(reading, UserChange):
            log_change(log, reading, show)
        else:
            _log_dead_lettered(log, reading, failed[position])
    stopped_at = None
    if interruption is not None:
        stopped_at = identify_record(records[settled]).sequence_number or ""
        log("WARNING", STOPPED, sequenceNumber=stopped_at, reason=interruption, comeAgain=len(records) - settled)
    return BatchOutcome(settled, stopped_at, interruption)


def _read(record: Json) -> _Reading:
    try:
        return parse_user_change(record)
    except UnprocessableRecordError as error:
        return error


def _after_write(readings: list[_Reading], written: WriteOutcome) -> tuple[list[_Reading], int]:
    """Return the readings, rejected changes replaced by their error, and how many are settled."""
    if not written.rejected and written.interruption is None:
        return readings, len(readings)
    positions = [position for position, reading in enumerate(readings) if isinstance(reading, UserChange)]
    rejected = {positions[index]: UnprocessableRecordError(reason) for index, reason in written.rejected.items()}
    settled = len(readings) if written.interruption is None else positions[written.settled]
    return [rejected.get(position, reading) for position, reading in enumerate(readings)], settled


def _envelope(record: Json, error: UnprocessableRecordError, source_function: str, failed_at: str) -> FailedRecord:
    return FailedRecord(
        **identify_record(record)._asdict(),
        kind="permanent",
        reason=str(error),
        record=record,
        attempts=1,
        source_function=source_function,
        first_failed_at=failed_at,
        last_failed_at=failed_at,
    )


def log_change(log: Log, change: UserChange, show: Callable[[_PlainImage], _PlainImage]) -> None:
    """Log one change in one line; an update in one for the old image and one for the new.

    `show` is `full_image` or `masked_image`. Either way the names of the changed fields are logged,
    and who deleted a user.
    """
    old, new = change.old, change.new
    if old is not None and new is not None:
        _log_image(log, "USER UPDATED - OLD:", change, show(old))
        _log_image(log, "USER UPDATED - NEW:", change, show(new), changedFields=change.changed_fields)
    elif new is not None:
        _log_image(log, "USER ADDED:", change, show(new))
    elif old is not None:
        _log_image(log, "USER DELETED:", change, show(old), actor=change.actor)


def _log_image(log: Log, message: str, change: UserChange, image: _PlainImage, **more: object) -> None:
    log(
        "INFO",
        message,
        userId=change.user_id,
        eventId=change.event_id,
        sequenceNumber=change.sequence_number,
        occurredAt=utc_timestamp(change.occurred_seconds),
        image=image,
        **more,
    )


def full_image(image: _PlainImage) -> _PlainImage:
    """Return the image as it is."""
    return image


def masked_image(image: _PlainImage, visible: AbstractSet[str] = VISIBLE_WHEN_MASKED) -> _PlainImage:
    """Return the image without anything that could identify the user, not even lengths or types."""
    return {name: value if name in visible else MASK for name, value in image.items()}


def _log_dead_lettered(log: Log, error: UnprocessableRecordError, failed: FailedRecord) -> None:
    log(
        "ERROR",
        UNKNOWN_EVENT if isinstance(error, UnknownEventError) else DEAD_LETTERED,
        reason=failed.reason,
        failureId=failed.failure_id,
        sequenceNumber=failed.sequence_number,
        userId=failed.user_id,
    )
