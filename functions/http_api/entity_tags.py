"""ETag and If-Match over a version number (RFC 9110, sections 8.8.3 and 13.1.1; lists: section 5.6.1)."""

import re
from collections.abc import Callable, Mapping

from functions.http_api.errors import MalformedRequestError

_TAG = r'(?:W/)?"[^"]*"'
# A list may have empty elements, as where two headers were joined of which one was empty.
_TAGS = re.compile(rf"[\s,]*{_TAG}\s*(?:,[\s,]*{_TAG}\s*)*(?:,[\s,]*)?")


def entity_tag(version: int) -> str:
    """Write a version as an ETag."""
    return f'"{version}"'


def if_match(headers: Mapping[str, str]) -> Callable[[int], bool] | None:
    """Read If-Match.

    Args:
        headers: By lower-case name.

    Returns:
        Whether a version is one that the caller accepts; None when the request has no If-Match.

    Raises:
        MalformedRequestError: The header is neither * nor a list of entity tags.
    """
    value = headers.get("if-match")
    if value is None:
        return None
    if value.strip() == "*":
        return lambda _version: True
    if not _TAGS.fullmatch(value):
        raise MalformedRequestError('If-Match takes * or an ETag as an earlier answer gave it, quotes included: "1".')
    # A weak tag, W/"1", equals none of ours, as it should: If-Match compares strongly (RFC 9110, section 13.1.1).
    accepted = set(re.findall(_TAG, value))
    return lambda version: entity_tag(version) in accepted
