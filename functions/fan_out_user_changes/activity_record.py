"""One record of Activity's stream, read into the topic's message of a change.

A new item is a change. That one is written again (a redelivery by later code), or expires, is none,
nor is the closing item of a history, which the mapping's filter keeps away and the rescue doesn't.
A new item of another form is refused with a reason, which names fields and never a value.
"""

from functions.activity.closing_item import CLOSING_CHANGE_ID
from functions.consumers.message import ChangeMessage, complaint_about, origin_of
from functions.runtime.json_log import Json
from functions.runtime.trace import stored_trace
from functions.stream_records.user_change import KIND_OF_EVENT, UnknownEventError, UnprocessableRecordError


def read_activity_record(record: Json) -> ChangeMessage | None:
    """Return the message of a new item's change; None for a record that is none.

    Raises:
        UnknownEventError: Its eventName is none of the stream's three.
        UnprocessableRecordError: The new item is neither a change nor a closing item.
    """
    try:
        event_name = record["eventName"]
        if event_name not in KIND_OF_EVENT:
            raise UnknownEventError(f"eventName {str(event_name)[:40]!r} is not {', '.join(KIND_OF_EVENT)}")
        if event_name != "INSERT":
            return None
        image = record["dynamodb"]["NewImage"]
        if image["changeId"] == {"S": CLOSING_CHANGE_ID}:
            return None
        texts = [image[name]["S"] for name in ("userId", "changeId", "eventId", "kind", "occurredAt")]
    except KeyError as missing:
        raise UnprocessableRecordError(f"the record has no {missing.args[0]}") from None
    except TypeError:
        raise UnprocessableRecordError("the record or a part of it isn't an object") from None
    if not all(type(text) is str and text for text in texts):
        raise UnprocessableRecordError(
            "userId, changeId, eventId, kind and occurredAt must be strings that aren't empty"
        )
    user_id, change_id, event_id, kind, occurred_at = texts
    trace = stored_trace(image)
    message = ChangeMessage(
        user_id, change_id, event_id, kind, "change", occurred_at, None if trace is None else trace.request_id
    )
    complaint = complaint_about(message)
    if complaint:
        raise UnprocessableRecordError(complaint)
    return message._replace(origin=origin_of(change_id))
