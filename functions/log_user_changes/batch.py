"""One batch of the Users stream: each change goes to Activity, then to the log.

`functions.consumers.stream_batch` has the rules; `functions.log_user_changes.history` says what is
written. What the log shows is decided here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from functions.activity.closing_items import ERASED_USER
from functions.consumers.stream_batch import StreamBatch
from functions.log_user_changes.history import History, write_and_clean_up
from functions.runtime.json_log import utc_timestamp
from functions.stream_records.user_change import parse_user_change
from functions.users.attributes import ATTRIBUTES, visible_when_masked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from functions.activity.closing_items import ReadItems
    from functions.activity.items import ActivityWriter
    from functions.consumers.stream_batch import BatchOutcome
    from functions.dead_letters.envelope import DeadLetterSender
    from functions.log_user_changes.history import AfterDeletion
    from functions.runtime.json_log import Json, Log
    from functions.stream_records.attribute_values import PlainValue
    from functions.stream_records.user_change import UserChange

    _PlainImage = Mapping[str, PlainValue]

VISIBLE_WHEN_MASKED = visible_when_masked(ATTRIBUTES)
MASK = "***"


def process_batch(  # noqa: PLR0913  each is a dependency or a setting, named at the call
    records: Sequence[Json],
    *,
    activity: ActivityWriter,
    read_activity: ReadItems,
    after_deletion: AfterDeletion,
    dead_letters: DeadLetterSender,
    log: Log,
    mask_personal_data: bool,
    source_function: str,
    table: str,
    now: Callable[[], float],
    count: Callable[[UserChange], None] = lambda _: None,
) -> BatchOutcome:
    """Process the records of one invocation: any JSON, in stream order.

    `source_function` is this function's ARN, `table` the name of Users; `now` returns seconds since
    the epoch; `count` gets each change that is logged. Whatever `activity` or `dead_letters` didn't
    foresee is raised, and the mapping isolates its record.
    """
    show = masked_image if mask_personal_data else full_image
    history = History(activity, read_activity)

    def log_written(change: UserChange) -> None:
        count(change)
        if history.is_erased(change.user_id):
            log("INFO", ERASED_USER, userId=change.user_id, sequenceNumber=change.sequence_number)
        else:
            log_change(log, history.completed(change), show)

    batch = StreamBatch(
        read=parse_user_change,
        write=partial(write_and_clean_up, history, after_deletion),
        log_written=log_written,
        dead_letters=dead_letters,
        log=log,
        source_function=source_function,
        table=table,
        now=now,
    )
    return batch.process(records)


def log_change(log: Log, change: UserChange, show: Callable[[_PlainImage], _PlainImage]) -> None:
    """Log one change in one line; an update in one for the old image and one for the new.

    `show` is `full_image` or `masked_image`. Either way the names of the changed fields are logged,
    who changed them, and by which request, which tells nothing of the user.
    """
    old, new = change.old, change.new
    caused = {} if change.trace is None else change.trace.fields()
    if old is not None and new is not None:
        _log_image(log, "USER UPDATED - OLD:", change, show(old), **caused)
        _log_image(log, "USER UPDATED - NEW:", change, show(new), **caused, changedFields=change.changed_fields)
    elif new is not None:
        _log_image(log, "USER ADDED:", change, show(new), **caused)
    elif old is not None:
        _log_image(log, "USER DELETED:", change, show(old), **caused)


def _log_image(log: Log, message: str, change: UserChange, image: _PlainImage, **more: object) -> None:
    log(
        "INFO",
        message,
        userId=change.user_id,
        eventId=change.event_id,
        sequenceNumber=change.sequence_number,
        occurredAt=utc_timestamp(change.occurred_seconds),
        actor=change.actor,
        image=image,
        **more,
    )


def full_image(image: _PlainImage) -> _PlainImage:
    """Return the image as it is."""
    return image


def masked_image(image: _PlainImage, visible: AbstractSet[str] = VISIBLE_WHEN_MASKED) -> _PlainImage:
    """Return the image without anything that could identify the user, not even lengths or types."""
    return {name: value if name in visible else MASK for name, value in image.items()}
