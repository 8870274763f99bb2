"""Changes as a consumer gets them: through Activity, from records of the Users stream."""

from collections.abc import Sequence

from hypothesis import strategies as st

from functions.consumers.stored_change import StoredChange, stored_change
from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import Image
from tests.support.records.consumer_messages import item_of, message_of
from tests.support.records.record_strategies import attribute_values, histories, stream_record, texts

ARN = "arn:aws:sts::123456789012:assumed-role/Support/eve"


def change_of(record: JsonObject) -> StoredChange:
    """Return the change of a Users stream's record."""
    return stored_change(message_of(record), item_of(record))


def changes_of(records: Sequence[JsonObject]) -> list[StoredChange]:
    """Return the changes of records, in their order."""
    return [change_of(record) for record in records]


@st.composite
def stored_changes(draw: st.DrawFn) -> StoredChange:
    """Any change: of a user of ours, or of an imported one with attributes of any type."""
    if draw(st.booleans()):
        return change_of(draw(st.sampled_from(draw(histories(min_size=1, max_size=4)))))
    names = texts(min_size=1) | st.sampled_from(["name", "email", "username", "version", "registrationDigest"])
    images = st.dictionaries(names, attribute_values(), max_size=6)
    user_id = draw(texts(min_size=1))
    event_name = draw(st.sampled_from(["INSERT", "MODIFY", "REMOVE"]))
    old = None if event_name == "INSERT" else _imported(draw(images), user_id)
    new = None if event_name == "REMOVE" else _imported(draw(images), user_id)
    change = change_of(stream_record(event_name, draw(st.integers(0, 99)), user_id, old, new))
    return change._replace(actor=draw(st.sampled_from(["ttl", "self", "caller", ARN])))


def _imported(image: Image, user_id: str) -> Image:
    return {**image, "userId": {"S": user_id}}
