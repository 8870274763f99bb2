"""Values as text: JSON, timestamps, and the log: one line of JSON per event on standard output.

Lambda's log group takes the lines up. `json_line` also writes the answers' bodies and what ops
shows. A Decimal is a JSON number if a double holds it exactly (RFC 8259, section 6, on
interoperability), else a string with all its digits, so no reader rounds it silently. Sets are
sorted lists; binary is base64 text. Everything outside ASCII is escaped, so the text survives any
encoding, lone surrogates included.
"""

import json
import sys
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any, Protocol, TypeGuard, cast

Json = Any
"""What `json.loads` returns: dict with str keys, list, str, int, float, bool or None."""

JsonObject = dict[str, Any]

EXACT_INTEGER_LIMIT = 2**53  # integers up to this size are exact as doubles
_MAXIMUM_DEPTH = 64
LINES_PER_WRITE = 100
"""Some 50 KB of changes: the system provides larger texts page by page, again for each batch."""


class Log(Protocol):
    """What the record processing logs through: `log` or a `BufferedLog`."""

    def __call__(self, level: str, message: str, **fields: object) -> None:
        """Log one event."""


def log(level: str, message: str, **fields: object) -> None:
    """Write one line: `{"level": ..., "message": ..., <fields>}`.

    The level is one of Lambda's (DEBUG, INFO, WARNING, ERROR). The message says what happened, in
    the same words each time; what differs goes to the fields, which may be any values.
    """
    # Read at each call: Lambda's runtime and tests replace the stream.
    sys.stdout.write(_line(level, message, fields) + "\n")


class BufferedLog:
    """A log that writes many lines at once.

    Lambda's runtime flushes standard output at each write, which would slow down every record.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __call__(self, level: str, message: str, **fields: object) -> None:
        """Log one event, as `log` does."""
        self._lines.append(_line(level, message, fields))
        if len(self._lines) >= LINES_PER_WRITE:
            self.write()

    def write(self) -> None:
        """Write the buffered lines."""
        if self._lines:
            self._lines.append("")
            sys.stdout.write("\n".join(self._lines))
            self._lines.clear()


def _line(level: str, message: str, fields: dict[str, object]) -> str:
    # Joining two texts costs less than building one object of both.
    return f"{_opening(level, message)},{json_line(fields)[1:]}" if fields else f"{_opening(level, message)}}}"


@lru_cache(maxsize=32)  # messages are few
def _opening(level: str, message: str) -> str:
    return json_line({"level": level, "message": message}).removesuffix("}")


def json_line(value: object) -> str:
    """Return the value as JSON on one line. Never raise: what JSON can't hold becomes a string."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):
        # A key that is no string, NaN, or an object that contains itself: too rare to check always.
        return _encode(_encodable(value, 0))


def exact_number(number: Decimal) -> int | float | str:
    """Return the number as an int or a float if that is exact, else as text."""
    if number.is_finite():
        if -EXACT_INTEGER_LIMIT <= number <= EXACT_INTEGER_LIMIT and number == (integer := int(number)):
            return integer
        as_double = float(number)
        if isfinite(as_double) and Decimal(repr(as_double)) == number:
            return as_double
    return str(number)


def reusable_encoder(encoder: json.JSONEncoder) -> Callable[[object], str]:
    """Return a function that encodes as `encoder` does, with its C part made only once.

    JSONEncoder makes it for every text, a quarter of a log line's cost. If this Python has no C
    part, or one with other arguments, return the public method.
    """
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    try:
        encode = make(
            markers=None,
            default=encoder.default,
            encoder=json.encoder.encode_basestring_ascii,
            indent=None,
            key_separator=encoder.key_separator,
            item_separator=encoder.item_separator,
            sort_keys=False,
            skipkeys=False,
            allow_nan=encoder.allow_nan,
        )
    except TypeError:
        return encoder.encode
    return lambda value: "".join(encode(value, 0))


def _plain(value: object) -> Json:
    if isinstance(value, Decimal):
        return exact_number(value)
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode("ascii")
    if isinstance(value, set | frozenset):
        members = list(cast("set[Any]", value))
        try:
            return sorted(members)
        except TypeError:
            return sorted(members, key=_text_of)
    return _text_of(value)


# The stack's limit catches circular references: checking for them would slow down every line.
_encode = reusable_encoder(
    json.JSONEncoder(default=_plain, separators=(",", ":"), allow_nan=False, check_circular=False)
)


def _encodable(value: object, depth: int) -> Json:
    if depth > _MAXIMUM_DEPTH:
        return f"<nested deeper than {_MAXIMUM_DEPTH} levels>"
    if is_object(value):
        return {_text_of(key): _encodable(member, depth + 1) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_encodable(element, depth + 1) for element in cast("list[object]", value)]
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  a log line must not fail because of what it shows
        return f"<{type(value).__name__} that can't be shown>"


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Return whether the value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Json]]:
    """Return whether the value is a JSON array."""
    return isinstance(value, list)


# Timestamps as they are stored, logged and sent: ISO 8601 in UTC with milliseconds.


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
