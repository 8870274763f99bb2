"""The text of an Activity item is what encoding the item gives."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from functions.activity.item_text import encoded_activity_item
from functions.activity.items import activity_item, earliest_expiry
from functions.runtime.request_body import EncodedItem, encoded, request_body
from functions.runtime.trace import Trace
from functions.stream_records.attribute_values import AttributeValue, Image
from functions.stream_records.user_change import UserChange, parse_user_change
from functions.users.user import CHANGED_BY
from tests.support.records.record_strategies import images, numbers, stream_record

texts = st.text(max_size=20)  # half of a surrogate pair included
simple: st.SearchStrategy[AttributeValue] = st.one_of(
    texts.map(lambda text: {"S": text}), numbers().map(lambda number: {"N": str(number)})
)
names = st.one_of(st.sampled_from(["name", "email", "version", CHANGED_BY]), texts)
simple_images: st.SearchStrategy[Image] = st.dictionaries(names, simple, max_size=6)
traces = st.none() | st.builds(Trace, st.just("JKJaXmPLvHcESHA="), st.none() | st.just("00-" + "1" * 32))


@st.composite
def changes(draw: st.DrawFn) -> UserChange:
    """A change of any images; of two, some values stay."""
    old = draw(st.one_of(simple_images, images()))
    new = draw(st.one_of(simple_images, images()))
    kept = draw(st.lists(st.sampled_from(sorted(old)), max_size=3)) if old else []
    new |= {name: old[name] for name in kept}
    for image in (old, new):
        image.pop("schemaVersion", None)
        if draw(st.booleans()):
            image["version"] = {"N": draw(st.sampled_from(["1", "2"]))}
    event_name = draw(st.sampled_from(["INSERT", "MODIFY", "REMOVE"]))
    images_of = {"INSERT": (None, new), "MODIFY": (old, new), "REMOVE": (old, None)}[event_name]
    record = stream_record(event_name, draw(st.integers(0, 10**6)), draw(st.text(min_size=1)), *images_of)
    change = parse_user_change(record)
    deleted_at = draw(st.sampled_from([change.deleted_at, change.occurred_seconds + 5]))
    return change._replace(actor=draw(texts), trace=draw(traces), deleted_at=deleted_at)


LONG = stream_record("INSERT", 1, "u", None, {"about": {"S": "\U0001f600" * 100_000}})


@given(change=changes(), days=st.sampled_from([1, 30, 36_500]), deleted_days=st.sampled_from([None, 0, 7]))
@example(change=parse_user_change(LONG), days=30, deleted_days=None)
def test_the_text_is_the_encoded_item(change: UserChange, days: int, deleted_days: int | None) -> None:
    for earliest in (0, earliest_expiry(1_900_000_000)):
        text = encoded_activity_item(change, days, earliest, deleted_days)
        assert text == encoded(activity_item(change, days, earliest, deleted_days))
        json.loads(text)


@given(items=st.lists(images(), max_size=3), table=texts)
def test_a_batch_of_texts_is_a_batch_of_items(items: list[Image], table: str) -> None:
    texts_of = [{"PutRequest": {"Item": EncodedItem(encoded(item))}} for item in items]
    puts: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
    deletion: Any = {"DeleteRequest": {"Key": {"userId": {"S": table}}}}
    expected = json.dumps({"RequestItems": {table: [*puts, deletion]}, "ReturnConsumedCapacity": "TOTAL"}).encode()
    batch = {"RequestItems": {table: [*texts_of, deletion]}, "ReturnConsumedCapacity": "TOTAL"}
    assert request_body("BatchWriteItem", batch) == expected
