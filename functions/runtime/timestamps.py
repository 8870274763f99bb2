"""Timestamps as they are stored, logged and sent: ISO 8601 in UTC with milliseconds."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=32)  # the records of a batch share a few seconds
def utc_timestamp(moment: datetime | float) -> str:
    """Write seconds since the epoch, or a datetime with a zone, as `2026-11-24T03:27:59.000Z`."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def normalized_timestamp(text: str) -> str:
    """Rewrite any ISO 8601 time in this form; one without a zone is UTC.

    Raises:
        ValueError: The text is no ISO 8601 time, or lies outside the years 1 to 9999 in UTC.
    """
    moment = datetime.fromisoformat(text)
    try:
        return utc_timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError as error:
        raise ValueError("the time lies outside the years 1 to 9999") from error
