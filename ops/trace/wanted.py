"""What a trace looks for: the requests of one id, or of one trace of the caller's."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from functions.runtime.trace import REQUEST_ID, TRACEPARENT, Trace
from ops.errors import WrongUsageError
from ops.job import in_batches
from ops.output import shortened

_TRACE_ID_DIGITS = 32
_LIKE_A_TRACEPARENT = re.compile(r"[0-9A-Fa-f]{2}-[0-9A-Fa-f]{32}-")
IDS_PER_PATTERN = 5
"""A filter pattern has up to 1,024 characters (CloudWatch Logs API reference, FilterLogEvents)."""


@dataclass(frozen=True)
class Wanted:
    """The ids of requests; as long as there are none, the trace id whose requests are wanted."""

    request_ids: frozenset[str] = frozenset()
    trace_id: str | None = None

    def accepts(self, fields: Mapping[str, Any]) -> bool:
        """Say whether a line of a log, or what else has these members, is of a wanted request."""
        if not self.request_ids:
            return self._is_of_trace(fields.get("traceparent"))
        request_id = fields.get("requestId")
        return isinstance(request_id, str) and request_id in self.request_ids

    def accepts_trace(self, trace: Trace | None) -> bool:
        """Say whether an item that a request wrote is of a wanted one."""
        return trace is not None and self.accepts(trace.fields())

    def _is_of_trace(self, traceparent: object) -> bool:
        match = TRACEPARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
        return match is not None and match[1] == self.trace_id

    def with_requests(self, request_ids: Iterable[str]) -> "Wanted":
        """Return it with further requests."""
        return replace(self, request_ids=self.request_ids.union(request_ids))

    def patterns(self) -> list[str]:
        """Return the filter patterns that find its lines.

        Ids hold no character that ends a text in a pattern: their forms see to that.
        """
        if not self.request_ids:
            return [f'{{ $.traceparent = "00-{self.trace_id}-*" }}']
        some = in_batches(sorted(self.request_ids), IDS_PER_PATTERN)
        return ["{ " + " || ".join(f'($.requestId = "{one}")' for one in each) + " }" for each in some]


def read_wanted(text: str) -> Wanted:
    """Return what an id on the command line means; raise a WrongUsageError for what is none."""
    if match := TRACEPARENT.fullmatch(text):
        return Wanted(trace_id=match[1])
    if TRACEPARENT.fullmatch(f"00-{text}-{'1' * 16}-00"):
        return Wanted(trace_id=text)
    if REQUEST_ID.fullmatch(text) and not _LIKE_A_TRACEPARENT.match(text):
        return Wanted(frozenset({text}))
    raise WrongUsageError(
        f"{shortened(text)!r} is no request's id",
        "give the header apigw-requestid of an answer, requestId of a refusal or of a line of a log, a W3C trace id "
        f"({_TRACE_ID_DIGITS} digits of 0-9a-f), or a whole traceparent",
    )
