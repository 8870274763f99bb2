"""What any batch, under any failure, does to Activity, the dead-letter queue and the log."""

import json
from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from functions.consumers.stream_batch import BatchOutcome
from functions.runtime.json_log import Json, JsonObject, json_line
from functions.stream_records.attribute_values import unmarshal_image
from tests.support.records.record_processing_fakes import ActivityInMemory, DeadLettersInMemory, Processing
from tests.support.records.record_strategies import (
    PERSONAL_FIELDS,
    batches_with_bad_records,
    broken_record,
    histories,
    unaddressable_records,
)


def _sequence_number(record: JsonObject) -> str:
    return record["dynamodb"]["SequenceNumber"]


def _until_done(processing: Processing, records: list[JsonObject]) -> None:
    """Deliver as the mapping does: again from the named record, until none is named."""
    rest = records
    for _ in range(2 * len(records) + 2):
        outcome = processing.process(rest)
        if outcome.stopped_at is None:
            return
        rest = rest[[_sequence_number(record) for record in rest].index(outcome.stopped_at) :]
        processing.activity.room_for = None
        processing.dead_letters.room_for = None
    raise AssertionError("the batch never ends")


@given(batches_with_bad_records())
def test_a_batch_does_what_its_records_do_one_by_one(batch: tuple[list[JsonObject], set[int]]) -> None:
    records, _ = batch
    together, alone = Processing(), Processing()
    together.process(records)
    for record in records:
        alone.process([record])
    assert together.effects() == alone.effects()
    assert together.log.events == alone.log.events


@given(batches_with_bad_records())
def test_every_record_ends_in_activity_or_whole_in_the_dead_letter_queue(
    batch: tuple[list[JsonObject], set[int]],
) -> None:
    records, bad = batch
    processing = Processing()
    assert processing.process(records) == BatchOutcome(len(records), None, None)
    kept = {item["eventId"]["S"] for item in processing.activity.items.values()}
    assert kept == {record["eventID"] for at, record in enumerate(records) if at not in bad}
    assert [failed.record for failed in processing.dead_letters.sent] == [records[at] for at in sorted(bad)]
    assert all(failed.kind == "permanent" for failed in processing.dead_letters.sent)


@given(histories(min_size=1), st.data())
def test_a_bad_record_does_not_affect_the_others(records: list[JsonObject], data: st.DataObject) -> None:
    """Wherever it is, the others are processed as if it didn't exist."""
    place = data.draw(st.integers(0, len(records)))
    junk = data.draw(unaddressable_records())
    with_junk, without = Processing(), Processing()
    mixed: list[Json] = [*records[:place], junk, *records[place:]]
    with_junk.process(mixed)
    without.process(records)
    assert with_junk.activity.items == without.activity.items
    assert [failed.record for failed in with_junk.dead_letters.sent] == [junk]
    assert [event for event in with_junk.log.events if event[0].startswith("USER")] == without.log.events


@given(batches_with_bad_records(), st.integers(1, 3))
def test_redelivery_changes_nothing(batch: tuple[list[JsonObject], set[int]], times: int) -> None:
    records, _ = batch
    once, again = Processing(), Processing()
    once.process(records)
    for _ in range(times + 1):
        again.process(deepcopy(records))
    assert again.effects() == once.effects()


@given(batches_with_bad_records(), st.data())
def test_a_record_that_comes_twice_in_a_batch_counts_once(
    batch: tuple[list[JsonObject], set[int]], data: st.DataObject
) -> None:
    records, _ = batch
    twice = data.draw(st.lists(st.sampled_from(records), min_size=1, max_size=3))
    doubled, single = Processing(), Processing()
    doubled.process([*records, *twice])
    single.process(records)
    assert doubled.effects() == single.effects()


@given(batches_with_bad_records(), st.integers(0, 12), st.integers(0, 4))
def test_a_transient_failure_stops_the_batch_and_loses_nothing(
    batch: tuple[list[JsonObject], set[int]], activity_room: int, queue_room: int
) -> None:
    records, bad = batch
    processing = Processing(ActivityInMemory(activity_room), DeadLettersInMemory(queue_room))
    outcome = processing.process(records)

    # The records before the stop are settled and logged; the one at the stop isn't.
    settled = records[: outcome.settled]
    kept = {item["eventId"]["S"] for item in processing.activity.items.values()}
    dead_lettered = set(processing.dead_letters.by_id())
    for at, record in enumerate(settled):
        assert record["eventID"] in (dead_lettered if at in bad else kept)
    logged = [fields.get("eventId") or fields["failureId"] for fields in _fields_of_records(processing)]
    assert list(dict.fromkeys(logged)) == [record["eventID"] for record in settled]
    if outcome.settled < len(records):
        assert outcome.stopped_at == _sequence_number(records[outcome.settled])
        assert outcome.response() == {"batchItemFailures": [{"itemIdentifier": outcome.stopped_at}]}
        assert processing.log.messages()[-1] == "BATCH STOPPED:"
    else:
        assert outcome.response() == {"batchItemFailures": []}

    # After redelivery from there, the effects are those of an undisturbed run.
    undisturbed = Processing()
    undisturbed.process(records)
    _until_done(processing, records[outcome.settled :])
    assert processing.effects() == undisturbed.effects()


def _fields_of_records(processing: Processing) -> list[JsonObject]:
    return [fields for message, fields in processing.log.events if message != "BATCH STOPPED:"]


@given(histories())
def test_order_per_user_is_the_streams_order(records: list[JsonObject]) -> None:
    processing = Processing()
    processing.process(records)
    for user_id in {record["dynamodb"]["Keys"]["userId"]["S"] for record in records}:
        happened = [r["eventID"] for r in records if r["dynamodb"]["Keys"]["userId"]["S"] == user_id]
        stored = [item["eventId"]["S"] for key, item in sorted(processing.activity.items.items()) if key[0] == user_id]
        logged = [fields["eventId"] for _, fields in processing.log.events if fields["userId"] == user_id]
        assert stored == happened
        assert list(dict.fromkeys(logged)) == happened


@given(histories())
def test_activity_holds_every_changed_field_and_no_other(records: list[JsonObject]) -> None:
    processing = Processing()
    processing.process(records)
    for record, item in zip(records, sorted(processing.activity.items.values(), key=_change_id), strict=True):
        old = record["dynamodb"].get("OldImage", {})
        new = record["dynamodb"].get("NewImage", {})
        changes = item["changes"]["M"]
        for name in old.keys() | new.keys():
            before, after = unmarshal_image(old).get(name, ...), unmarshal_image(new).get(name, ...)
            if name in changes:
                assert set(changes[name]["M"]) == {
                    side for side, value in (("old", before), ("new", after)) if value is not ...
                }
            else:
                assert before == after


def _change_id(item: JsonObject) -> str:
    return item["changeId"]["S"]


@given(batches_with_bad_records(), st.data())
def test_a_change_that_the_table_refuses_goes_to_the_dead_letter_queue(
    batch: tuple[list[JsonObject], set[int]], data: st.DataObject
) -> None:
    records, bad = batch
    good = [_sequence_number(record) for at, record in enumerate(records) if at not in bad]
    refused = frozenset(data.draw(st.sets(st.sampled_from(good), max_size=3))) if good else frozenset[str]()
    processing = Processing(ActivityInMemory(refused=refused))
    processing.process(records)
    expected = [r for at, r in enumerate(records) if at in bad or _sequence_number(r) in refused]
    assert [failed.record for failed in processing.dead_letters.sent] == expected
    assert len(processing.activity.items) == len(records) - len(expected)


SECRETS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZéß漢", min_size=12, max_size=20).map("secret-{}".format)


@given(st.data())
def test_masked_lines_keep_nothing_personal(data: st.DataObject) -> None:
    records = data.draw(histories(min_size=1, max_size=6))
    secrets: set[str] = set()
    for record in records:
        for side in ("OldImage", "NewImage"):
            image = record["dynamodb"].get(side)
            if image is not None:
                values = {name: data.draw(SECRETS) for name in (*PERSONAL_FIELDS, "registrationDigest", "undeclared")}
                secrets |= set(values.values())
                image |= {name: {"S": value} for name, value in values.items()}
    bad = [broken_record(record, reason) for record in records for reason in data.draw(_some_reasons)]
    processing = Processing(
        ActivityInMemory(room_for=data.draw(st.none() | st.integers(0, 6))), mask_personal_data=True
    )
    processing.process([*records, *bad])

    text = "".join(json_line({"message": message, **fields}) for message, fields in processing.log.events)
    for secret in secrets:
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
        assert secret.removeprefix("secret-") not in text


_some_reasons = st.lists(
    st.sampled_from(
        ["schemaVersion 2 is not supported", "attribute name: expected one of", "eventName 'TRUNCATE' is not"]
    ),
    max_size=2,
)


@given(histories(min_size=1))
def test_changed_field_names_are_logged_masked_or_not(records: list[JsonObject]) -> None:
    masked, full = Processing(mask_personal_data=True), Processing()
    masked.process(records)
    full.process(records)
    assert masked.log.messages() == full.log.messages()
    assert masked.effects() == full.effects()
    for (_, hidden), (_, shown) in zip(masked.log.events, full.log.events, strict=True):
        assert hidden.get("changedFields") == shown.get("changedFields")
        assert hidden["image"].keys() == shown["image"].keys()
        assert {name for name, value in hidden["image"].items() if value == "***"} >= hidden["image"].keys() & set(
            PERSONAL_FIELDS
        )
