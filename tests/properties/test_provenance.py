"""Whatever our functions write into the dead-letter queue counts as theirs, however it failed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.activity.items import WriteOutcome
from functions.consumers.message import ChangeMessage
from functions.consumers.stream_batch import StreamBatch
from functions.dead_letters.envelope import FailedRecord, StreamPointer
from functions.fan_out_user_changes.activity_record import read_activity_record
from functions.rescue_failed_batches.rescue import RecordsLostError, Rescue
from functions.runtime.json_log import Json, JsonObject
from ops.aws.queues import Message
from ops.dead_letters.message import KINDS, DeadLetter, read_dead_letter
from tests.support.delivery.virtual_consumer import VirtualConsumer
from tests.support.ops.declared_consumers import WELCOME, declared
from tests.support.ops.ops_in_memory import OUTPUTS, envelope
from tests.support.ops.planted_data import failure_document
from tests.support.records.consumer_messages import activity_record, queue_record, redriven
from tests.support.records.record_processing_fakes import (
    FUNCTION_ARN,
    DeadLettersInMemory,
    LogInMemory,
    ManualClock,
    Processing,
)
from tests.support.records.record_strategies import batches_with_bad_records, histories, texts

TEXT_MEMBERS = [field.name for field in fields(FailedRecord) if field.type in (str, str | None)]
TABLES = (OUTPUTS.users_table_name, OUTPUTS.activity_table_name)
SHARD_ID = "shardId-00000001573689847184-864758bb"


def letters_of(sent: Sequence[FailedRecord]) -> list[DeadLetter]:
    """Return the messages as operators read them, each with the failure's own id and kind."""
    with declared(WELCOME):
        return [
            read_dead_letter(
                Message(message_id="m", receipt="r", body=failed.to_json(), sent_at=0, receive_count=1), OUTPUTS
            )
            for failed in sent
        ]


def assert_ours(sent: Sequence[FailedRecord]) -> None:
    found = [(letter.failure_id, letter.kind, letter.reason) for letter in letters_of(sent)]
    assert found == [(failed.failure_id, failed.kind, failed.reason) for failed in sent]


class PartOfAShard:
    """A `RecordReader` that has so many of the records, and has lost the rest."""

    def __init__(self, records: Sequence[Json], kept: int) -> None:
        self._records = records
        self._kept = kept

    def pages(self, pointer: StreamPointer) -> Iterator[list[Json]]:
        if self._kept:
            yield list(self._records[: self._kept])
        if self._kept < len(self._records):
            raise RecordsLostError(f"{pointer.shard_id} is trimmed")


def rescue(messages: Sequence[JsonObject], reader: PartOfAShard) -> list[FailedRecord]:
    dead_letters = DeadLettersInMemory()
    own_function = FUNCTION_ARN.replace("LogUserChanges", "RescueFailedBatches")
    rescue = Rescue(reader, dead_letters, LogInMemory(), ManualClock(), own_function=own_function, tables=TABLES)
    assert rescue.rescue_all(messages) == []
    return dead_letters.sent


@given(batches_with_bad_records())
def test_what_log_user_changes_gives_up_is_ours(batch: tuple[list[JsonObject], set[int]]) -> None:
    records, bad = batch
    processing = Processing()
    processing.process(records)
    assert len(processing.dead_letters.sent) == len(bad)
    assert_ours(processing.dead_letters.sent)


@given(histories(min_size=1), st.sampled_from(["changeId", "eventId", "kind", "occurredAt"]))
def test_what_fan_out_user_changes_gives_up_is_ours(history: list[JsonObject], missing: str) -> None:
    records = [activity_record(record) for record in history]
    for record in records:
        del record["dynamodb"]["NewImage"][missing]
    dead_letters = DeadLettersInMemory()
    StreamBatch[ChangeMessage](
        read=read_activity_record,
        write=lambda changes: WriteOutcome(len(changes), {}, None),
        log_written=lambda _: None,
        dead_letters=dead_letters,
        log=LogInMemory(),
        source_function=FUNCTION_ARN.replace("LogUser", "FanOutUser"),
        table=OUTPUTS.activity_table_name,
        now=lambda: 0.0,
    ).process(records)
    assert len(dead_letters.sent) == len(records)
    assert_ours(dead_letters.sent)


@given(histories(min_size=1), st.integers(0, 12), st.booleans())
def test_what_is_rescued_or_lost_is_ours(history: list[JsonObject], kept: int, of_activity: bool) -> None:  # noqa: FBT001
    records = [activity_record(record) for record in history] if of_activity else history
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    pointer = StreamPointer(
        stream_arn=records[0]["eventSourceARN"],
        shard_id=SHARD_ID,
        start_sequence_number=numbers[0],
        end_sequence_number=numbers[-1],
        batch_size=len(records),
    )
    document = failure_document(pointer)
    if of_activity:
        document = document.replace("LogUserChanges", "FanOutUserChanges")
    assert_ours(rescue([{"messageId": "m", "body": document}], PartOfAShard(records, min(kept, len(records)))))


@given(texts(max_size=40))
def test_a_failure_message_that_points_nowhere_is_kept_by_its_own_id(body: str) -> None:
    assert_ours(rescue([{"messageId": "m", "body": body}], PartOfAShard([], 0)))


@given(histories(min_size=1), st.sampled_from(["", "hello", "[]", "[" * 10_000, None]))
def test_what_a_queue_s_consumer_never_took_is_ours(history: list[JsonObject], body: str | None) -> None:
    messages = [redriven(queue_record(record, body=body)) for record in history]
    assert_ours(rescue(messages, PartOfAShard([], 0)))


@pytest.mark.parametrize("nature", ["unprocessable", "broken"])
def test_what_a_queue_s_consumer_gives_up_is_ours(nature: str) -> None:
    world = VirtualConsumer(maximum_receives=1, changes_per_call=1)
    for user_id in ("user-a", "user-b", "user-a"):
        world.write(user_id, nature)  # pyright: ignore[reportArgumentType]  two of its natures
    for _ in range(5):
        world.deliver()
        world.queue.now += 1_000
    assert world.dead_letters.sent
    assert_ours(world.dead_letters.sent)


@given(batches_with_bad_records())
def test_each_can_be_replayed_if_it_names_a_user_and_a_place(batch: tuple[list[JsonObject], set[int]]) -> None:
    processing = Processing()
    processing.process(batch[0])
    for letter, failed in zip(letters_of(processing.dead_letters.sent), processing.dead_letters.sent, strict=True):
        assert (letter.change is not None) == bool(failed.user_id and failed.sequence_number)
        assert letter.change is None or json.dumps(letter.change.record) == json.dumps(failed.record)


@pytest.mark.parametrize("member", TEXT_MEMBERS)
@given(record=histories(min_size=1).map(lambda history: history[0]), text=texts(max_size=40) | st.none())
def test_no_text_in_an_envelope_keeps_the_others_from_being_read(
    member: str, record: JsonObject, text: str | None
) -> None:
    """Whoever may send to the queue can write any."""
    failed = replace(envelope(record), **{member: text})

    for each in (failed, replace(failed, record=None)):
        (letter,) = letters_of([each])
        assert letter.kind in KINDS
