"""What a stream record says of itself, however broken it is: enough to name it, find it and never count it twice."""

import hashlib
import json
import re
from typing import NamedTuple

from functions.json_types import Json, is_object
from functions.stream_records.user_change import SEQUENCE_NUMBER_DIGITS

_PLAIN_ID = re.compile(r"[A-Za-z0-9:_.-]{1,128}")
_SEQUENCE_NUMBER = re.compile(rf"\d{{1,{SEQUENCE_NUMBER_DIGITS}}}", re.ASCII)


class RecordIdentity(NamedTuple):
    """The parts of a record that its envelope repeats; None where the record has no such part in good form."""

    failure_id: str
    sequence_number: str | None
    user_id: str | None
    event_source_arn: str | None


def identify_record(record: Json) -> RecordIdentity:
    """Return what the record says of itself, without trusting any of it to be there.

    The failure id is the eventID, which stays the same over all redeliveries, or a digest of the record if it has none.
    """
    body = _member(record, "dynamodb")
    event_id = _text(_member(record, "eventID"))
    sequence_number = _text(_member(body, "SequenceNumber"))
    return RecordIdentity(
        failure_id=event_id if event_id and _PLAIN_ID.fullmatch(event_id) else content_id(record),
        sequence_number=sequence_number if sequence_number and _SEQUENCE_NUMBER.fullmatch(sequence_number) else None,
        user_id=_text(_member(_member(_member(body, "Keys"), "userId"), "S")),
        event_source_arn=_text(_member(record, "eventSourceARN")),
    )


def content_id(content: Json) -> str:
    """Return an id made of the content itself, for what has no id of its own."""
    return "sha256-" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _member(value: Json, name: str) -> Json:
    return value.get(name) if is_object(value) else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
