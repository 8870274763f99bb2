"""Pages of a list: how many entries, where the next page begins, and what one answer can hold."""

import contextlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable

from functions.http_api.request import MalformedRequestError
from functions.runtime.json_log import json_line

LARGEST_PAGE = 100
USUAL_PAGE = 25

_TOKEN = re.compile(r"[A-Za-z0-9_-]+")

LARGEST_ANSWER_BYTES = 6_000_000
"""Of a page's entries. Lambda takes 6 MB of an answer, 6,291,456 bytes (Lambda developer guide,
"Lambda quotas"); the rest is for headers, nextToken and commas."""


def page_limit(value: str | None) -> int:
    """Return the query's `limit`; raise `MalformedRequestError` for what is none."""
    if value is None:
        return USUAL_PAGE
    if re.fullmatch(r"[0-9]{1,3}", value) and 1 <= int(value) <= LARGEST_PAGE:
        return int(value)
    raise MalformedRequestError(f"limit takes a whole number from 1 to {LARGEST_PAGE}.")


def next_token(after: str) -> str:
    """Return where the next page begins, in a form that callers aren't tempted to read."""
    return urlsafe_b64encode(after.encode()).decode().rstrip("=")


def read_token(token: str) -> str:
    """Return what a token was made from; raise `MalformedRequestError` for any other text."""
    after = ""
    if _TOKEN.fullmatch(token):  # Python 3.15 warns of what it decodes beyond these characters.
        with contextlib.suppress(Base64Error, UnicodeError):
            after = urlsafe_b64decode(token + "==").decode()
    # Several texts decode to the same bytes: accept only the one that was given out.
    if not after or next_token(after) != token:
        raise unknown_token()
    return after


def unknown_token() -> MalformedRequestError:
    """Return the refusal of a token that no page gave."""
    return MalformedRequestError("nextToken isn't one that an earlier page gave. Leave it out to start over.")


def number_that_fits(entries: Iterable[object]) -> int:
    """Return how many of a page's entries, from the first on, one answer holds: at least one.

    The answer's body is JSON within Lambda's JSON, so what is escaped in it is escaped twice.
    """
    size = fitting = 0
    for entry in entries:
        size += len(json.dumps(json_line(entry)))
        if fitting and size > LARGEST_ANSWER_BYTES:
            break
        fitting += 1
    return fitting
