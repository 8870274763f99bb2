"""Events put on an EventBridge bus, with the failures of each by itself.

Limits: EventBridge API reference, "PutEvents" (10 entries a call, failed entries in a successful
answer). A bus that doesn't exist takes events without an error, and they are gone
(aws/aws-sdk#186): so bus and function are made by one program, which protects the bus.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from functions.consumers.stored_change import RetryChangeError, UnprocessableChangeError
from functions.publish_user_events.user_event import MAXIMUM_ENTRY_BYTES, UserEvent
from functions.runtime.aws import aws_call_errors, call_reason, error_code, http_status
from functions.runtime.json_log import JsonObject

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

ENTRIES_PER_CALL = 10
BYTES_PER_CALL = MAXIMUM_ENTRY_BYTES
"""The limit of an entry held for a call too: its documentation says "the total entry size"."""

REFUSALS = frozenset({"InvalidArgument", "MalformedDetail"})
"""Error codes of an entry whose event is never taken. Any other may pass: throttling and internal
failures by themselves, what the role may not do once an operator has put it right. Source:
EventBridge API reference, PutEventsResultEntry."""

_CALL_REFUSALS = frozenset({"ValidationException", "SerializationException"})
_ENTITY_TOO_LARGE = 413


class EventBus:
    """One bus."""

    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        self._client = client
        self._name = name

    def put(self, events: Mapping[int, UserEvent]) -> dict[int, Exception]:
        """Put events on the bus, in order.

        Args:
            events: by a position that the caller chooses.

        Returns:
            The failures by position: UnprocessableChangeError for an event that is never taken, and
            otherwise RetryChangeError or the error of its call.
        """
        failures: dict[int, Exception] = {}
        for call in _calls(events):
            failures |= self._put_call(call)
        return failures

    def _put_call(self, call: Mapping[int, UserEvent]) -> dict[int, Exception]:
        entries: Any = [
            {"EventBusName": self._name, "Source": each.source, "DetailType": each.detail_type, "Detail": each.detail}
            for each in call.values()
        ]
        try:
            answer = self._client.put_events(Entries=entries)
        except aws_call_errors() as error:
            if not _is_refusal(error):
                return dict.fromkeys(call, error)
            if len(call) == 1:
                return dict.fromkeys(call, UnprocessableChangeError(f"its event is refused: {call_reason(error)}"))
            # One event of them is at fault.
            alone = [self._put_call({position: event}) for position, event in call.items()]
            return {position: failure for failures in alone for position, failure in failures.items()}
        results = cast("Sequence[JsonObject]", answer.get("Entries", []))
        answered = dict(zip(call, results, strict=False))
        failures = {position: _failure(answered.get(position, {})) for position in call}
        return {position: failure for position, failure in failures.items() if failure is not None}


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, ClientError) and (
        error_code(error) in _CALL_REFUSALS or http_status(error) == _ENTITY_TOO_LARGE
    )


def _failure(result: JsonObject) -> Exception | None:
    """Return why an entry failed; None if it has the id of an event."""
    if result.get("EventId"):
        return None
    code = result.get("ErrorCode") or "no EventId"
    if code in REFUSALS:
        return UnprocessableChangeError(f"its event is refused: PutEvents: {code}")
    return RetryChangeError(f"PutEvents: {code}")


def _calls(events: Mapping[int, UserEvent]) -> Iterator[dict[int, UserEvent]]:
    """Group events, in order, into calls that keep both limits."""
    call: dict[int, UserEvent] = {}
    for position, event in events.items():
        size = sum(each.size for each in call.values())
        if call and (len(call) == ENTRIES_PER_CALL or size + event.size > BYTES_PER_CALL):
            yield call
            call = {}
        call[position] = event
    if call:
        yield call
