"""One line of JSON per event on standard output, where Lambda's log group takes it up."""

import json
import sys
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any, Protocol, TypeGuard, cast

# Names for what `json.loads` gives, and the two questions one asks of it.

Json = Any
"""dict with str keys, list, str, int, float, bool or None."""

JsonObject = dict[str, Any]


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Tell whether the value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Json]]:
    """Tell whether the value is a JSON array."""
    return isinstance(value, list)


# Plain values as one line of JSON, whatever they are: how a record's content is shown in logs and
# answers.
#
# Numbers: a Decimal is a JSON number when a double holds it exactly (RFC 8259, section 6, on
# interoperability), and a string with all its digits otherwise, so that no reader rounds it in
# silence. Sets are sorted lists; binary is base64 text. Everything outside ASCII is escaped, so the
# text survives any encoding, lone surrogates included.

EXACT_INTEGER_LIMIT = 2**53
"""Integers up to this size are exact as doubles."""

_DEEPEST = 64


def json_line(value: object) -> str:
    """Return the value as JSON without a line break. Never raises: what JSON has no form for becomes a string."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):
        # A key that is no string, NaN, or an object that contains itself: rare, so only then the careful way.
        return _encode(_tame(value, 0))


def exact_number(number: Decimal) -> int | float | str:
    """Return a number that JSON carries exactly: int, float, or text where a double would lose digits."""
    if number.is_finite():
        if -EXACT_INTEGER_LIMIT <= number <= EXACT_INTEGER_LIMIT and number == (integer := int(number)):
            return integer
        as_double = float(number)
        if isfinite(as_double) and Decimal(repr(as_double)) == number:
            return as_double
    return str(number)


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
            return sorted(members, key=_described)
    return _described(value)


def kept_encoder(encoder: json.JSONEncoder) -> Callable[[object], str]:
    """Return what encodes as `encoder` does, made once: JSONEncoder makes its C part anew for every text.

    That is a quarter of a log line's cost. The C part is CPython's own affair, so where it is missing or made
    otherwise, the public way stays.
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


# Circles are caught by the stack's limit: looking out for them would cost every line.
_encode = kept_encoder(json.JSONEncoder(default=_plain, separators=(",", ":"), allow_nan=False, check_circular=False))


def _tame(value: object, depth: int) -> Json:
    if depth > _DEEPEST:
        return f"<nested deeper than {_DEEPEST} levels>"
    if is_object(value):
        return {_key(key): _tame(member, depth + 1) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_tame(element, depth + 1) for element in cast("list[object]", value)]
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value


def _key(key: object) -> str:
    return key if isinstance(key, str) else _described(key)


def _described(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  a log line must not fail because of what it shows
        return f"<{type(value).__name__} that can't be shown>"


class Log(Protocol):
    """What the record processing logs through."""

    def __call__(self, level: str, message: str, **fields: object) -> None:
        """Log one event."""


def log(level: str, message: str, **fields: object) -> None:
    """Write one line: `{"level": ..., "message": ..., <fields>}`.

    Args:
        level: DEBUG, INFO, WARNING or ERROR, as Lambda's own log levels are named.
        message: What happened, in the same words each time; what differs goes to the fields.
        fields: Any values; how odd ones are shown is told in `functions/runtime/json_log.py`.
    """
    # Looked up at each call: the runtime and tests put their own stream in its place.
    sys.stdout.write(_line(level, message, fields) + "\n")


def _line(level: str, message: str, fields: dict[str, object]) -> str:
    # Two texts joined cost less than one object made of both.
    return f"{_opening(level, message)},{json_line(fields)[1:]}" if fields else f"{_opening(level, message)}}}"


@lru_cache(maxsize=32)  # messages are few, and the same words each time
def _opening(level: str, message: str) -> str:
    return json_line({"level": level, "message": message}).removesuffix("}")


LINES_PER_WRITE = 100
"""Some 50 KB of changes: larger texts come from the system page by page, anew for each batch."""


class CollectedLog:
    """A log whose lines wait until they are written, many at once.

    Lambda's runtime flushes standard output at each write: a batch would pay for that with every record.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __call__(self, level: str, message: str, **fields: object) -> None:
        """Log one event, as `log` does."""
        self._lines.append(_line(level, message, fields))
        if len(self._lines) >= LINES_PER_WRITE:
            self.write()

    def write(self) -> None:
        """Write the lines that wait."""
        if self._lines:
            self._lines.append("")
            sys.stdout.write("\n".join(self._lines))
            self._lines.clear()
