"""Plain values as one line of JSON, whatever they are: how a record's content is shown in logs and answers.

Numbers: a Decimal is a JSON number when a double holds it exactly (RFC 8259, section 6, on interoperability), and a
string with all its digits otherwise, so that no reader rounds it in silence. Sets are sorted lists; binary is base64
text. Everything outside ASCII is escaped, so the text survives any encoding, lone surrogates included.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any, cast

from functions.json_types import Json, is_object

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
