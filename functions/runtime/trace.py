"""The request that a change comes from: its id, which everything that follows from it shows.

A write through the API leaves the id in the user's `changedBy`, a deletion in its note. From there
log_user_changes brings it into its log and the history, and each consumer into its own log and
events. The caller's `traceparent` travels with it, as it came: no function here opens a span of its
own. Source: W3C Trace Context, section 3.2, "Traceparent Header".
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, cast

from functions.runtime.json_log import Json, is_object

REQUEST_ID = re.compile(r"[A-Za-z0-9+/=_-]{1,128}")
"""An id of API Gateway, such as `JKJaXmPLvHcESHA=`; what is stored as one may be anything."""
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""Of version 00, with its trace id; an id of zeros alone is none."""


class Trace(NamedTuple):
    """What a change and its request have in common."""

    request_id: str  # API Gateway's: the answer's header apigw-requestid
    traceparent: str | None = None

    def fields(self) -> dict[str, str]:
        """Return it as lines of a log and events have it."""
        if self.traceparent is None:
            return {"requestId": self.request_id}
        return {"requestId": self.request_id, "traceparent": self.traceparent}

    def attributes(self) -> dict[str, dict[str, str]]:
        """Return it as items have it, typed."""
        if self.traceparent is None:
            return {"requestId": {"S": self.request_id}}
        return {"requestId": {"S": self.request_id}, "traceparent": {"S": self.traceparent}}


def stored_trace(attributes: Mapping[str, Any]) -> Trace | None:
    """Return what typed attributes name, as `Trace.attributes` writes them; None if nothing.

    Whoever writes to a table may leave anything there, and it goes to logs and command lines.
    """
    return trace_of(_text(attributes, "requestId"), _text(attributes, "traceparent"))


def trace_of(request_id: Json, traceparent: Json) -> Trace | None:
    """Return a trace of what has the form of its members; None without a request's id."""
    if request_id.__class__ is not str or not REQUEST_ID.fullmatch(request_id):
        return None
    if traceparent.__class__ is not str or not TRACEPARENT.fullmatch(traceparent):
        return _trace((request_id, None))
    return _trace((request_id, traceparent))


# NamedTuple's own __new__ is written in Python, too slow for every record of a batch.
_trace: Callable[[tuple[str, str | None]], Trace] = partial(cast("Any", tuple).__new__, Trace)


def _text(attributes: Mapping[str, Any], name: str) -> Json:
    value: Json = attributes.get(name)
    return value.get("S") if is_object(value) else None
