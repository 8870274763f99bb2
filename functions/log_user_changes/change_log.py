"""The log lines of a change, in full or with personal data masked."""

from collections.abc import Callable, Mapping

from functions.stream_records.attribute_values import PlainValue
from functions.stream_records.user_change import UserChange, utc_text
from functions.structured_log import Log

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
