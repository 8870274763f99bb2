"""Whoever may send to the dead-letter queue can write any message: none of these is replayed.

The other records are, every command goes on, and the message can be discarded by the id that
`dlq list` shows.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from functions.dead_letters.envelope import FailedRecord, StreamPointer, identify_record
from functions.runtime.json_log import Json, JsonObject, utc_timestamp
from ops.dead_letters.message import FOREIGN, NOT_AN_ENVELOPE
from ops.errors import ExitCode
from ops.output import LONGEST_SHOWN
from ops.users.backfill_records import backfill_change
from tests.support.ops.declared_consumers import FAN_OUT, WELCOME, activity_record, failed_record, queue_record
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory, envelope
from tests.support.ops.queue_in_memory import NOON
from tests.support.ops.replaying import change, image
from tests.support.records.record_strategies import STREAM_ARN

Run = Callable[..., Result]

ACCOUNT, OTHER_ACCOUNT = "000000000000", "999999999999"
PLACES = f"s3://{OUTPUTS.failed_records_bucket_name}/failed-records/"
GOOD = 5
"""So many records that our functions wrote, at the positions from 0 on; a forged one's is 7."""

RECORD = change(7)
OURS = envelope(RECORD)
IN_QUEUE = queue_record(7)


def from_stream(stream: Json) -> FailedRecord:
    """Return the envelope of a record of another stream, as our functions would write it."""
    return envelope({**RECORD, "eventSourceARN": stream})


def from_queue(source: str, redriven_from: str | None = None) -> FailedRecord:
    """Return the same of a record of another queue."""
    attributes = {**IN_QUEUE["attributes"], **({"DeadLetterQueueSourceArn": redriven_from} if redriven_from else {})}
    return of_welcome({**IN_QUEUE, "eventSourceARN": source, "attributes": attributes})


def of_welcome(record: JsonObject) -> FailedRecord:
    failed = failed_record(IN_QUEUE, WELCOME)
    return replace(failed, record=record, **identify_record(record, failed.source_function)._asdict())


def with_body(**members: Json) -> FailedRecord:
    """Return the envelope of a stream record with other members in its `dynamodb`."""
    return envelope({**RECORD, "dynamodb": {**RECORD["dynamodb"], **members}})


def dated(seconds: Json, stream: str = STREAM_ARN, **members: Json) -> FailedRecord:
    """Return the envelope of a record of another time: 1,672,531,200 was the year 2023's first."""
    body = {**RECORD["dynamodb"], "ApproximateCreationDateTime": seconds, **members}
    return envelope({**RECORD, "dynamodb": body, "eventSourceARN": stream})


def of_two_users() -> FailedRecord:
    """Return one that a queue's message seems to name a user of, and its images another."""
    named = {"userId": "adam", "changeId": "1".zfill(40), "eventId": "e", "kind": "ADDED"}
    return envelope({**RECORD, "eventSource": "aws:sqs", "messageId": "m", "body": json.dumps(named)})


def shown_as_another_change() -> FailedRecord:
    """Return one that `dlq show` took for a record of Activity, whose changes are harmless."""
    shown: Json = {"M": {"nickname": {"M": {"new": {"S": "Eve"}}}}}
    keys = {**RECORD["dynamodb"]["Keys"], "changeId": {"S": "1".zfill(40)}}
    return with_body(Keys=keys, NewImage={**image("eve", "mallory"), "changes": shown})


def nested(levels: int) -> Json:
    value: Json = {"S": "x"}
    for _ in range(levels // 2):
        value = {"L": [value]}
    return value


def lost(shard_id: str = "shardId-1", **members: Any) -> FailedRecord:
    pointer = StreamPointer(
        stream_arn=STREAM_ARN,
        shard_id=shard_id,
        start_sequence_number="1" * 21,
        end_sequence_number="2" * 21,
        batch_size=3,
    )
    failed = replace(OURS, kind="lost", record=None, user_id=None, sequence_number="1" * 21, pointer=pointer)
    return replace(failed, **{"failure_id": f"{shard_id}:{'1' * 21}", **members})


FOREIGN_MESSAGES: Mapping[str, FailedRecord] = {
    "another account's table, dated 2023": dated(1_672_531_200, STREAM_ARN.replace(ACCOUNT, OTHER_ACCOUNT)),
    "dated before the stream began": dated(1_672_531_200),
    "dated before 1970": dated(-1),
    "dated after the message was sent": dated(NOON + 7_200),
    "a date beyond all": dated(10**300),
    "a date of 4,000 digits": dated(10**4_000),
    "a stream that doesn't say when it began": from_stream(STREAM_ARN.rpartition("/")[0] + "/x"),
    "another region's table": from_stream(STREAM_ARN.replace("eu-west-1", "us-east-1")),
    "another partition's table": from_stream(STREAM_ARN.replace("arn:aws:", "arn:aws-cn:")),
    "another table": from_stream(STREAM_ARN.replace("Users-test", "Users-prod")),
    "a table whose name goes on": from_stream(STREAM_ARN.replace("Users-test", "Users-test2")),
    "the other table of the stack": from_stream(STREAM_ARN.replace("Users-test", "Activity-test")),
    "the table, no stream of it": from_stream(STREAM_ARN.partition("/stream/")[0]),
    "no stream at all": from_stream(""),
    "a stream that is no text": from_stream({"S": STREAM_ARN}),
    "another stream than the record's": replace(OURS, event_source_arn=STREAM_ARN.replace("2026", "2025")),
    "no stream, but the record has one": replace(OURS, event_source_arn=None),
    "Users, in the consumer of Activity": failed_record(RECORD, FAN_OUT),
    "a function that is no ARN": replace(OURS, source_function="LogUserChangesFunction-test:::::"),
    "an id with a line break": replace(OURS, failure_id=f"{OURS.failure_id}\n"),
    "an id that leads out of the bucket": replace(OURS, failure_id=f"../{OURS.failure_id}"),
    "an object in another folder": replace(OURS, record=None, record_location=f"{PLACES}../{7:032x}.json"),
    "a file as its place": replace(OURS, record=None, record_location="file:///etc/hostname"),
    "another account's queue": from_queue(IN_QUEUE["eventSourceARN"].replace(ACCOUNT, OTHER_ACCOUNT)),
    "another consumer's queue": from_queue(IN_QUEUE["eventSourceARN"].replace("WelcomeNewUsers", "NotifyBilling")),
    "a queue whose name goes on": from_queue(f"{IN_QUEUE['eventSourceARN']}2"),
    "redriven from elsewhere": from_queue(IN_QUEUE["eventSourceARN"], "arn:aws:sqs:eu-west-1:999999999999:Q.fifo"),
    "another account's function": replace(OURS, source_function=OURS.source_function.replace(ACCOUNT, OTHER_ACCOUNT)),
    "a function by its name alone": replace(OURS, source_function="LogUserChangesFunction-test"),
    "another user than the record's": replace(OURS, user_id="adam"),
    "another sequence number than the record's": replace(OURS, sequence_number="1"),
    "a sequence number that is no number": replace(OURS, sequence_number="\x1b[31m one"),
    "an empty sequence number": replace(OURS, sequence_number=""),
    "a sequence number of 5,000 digits": replace(OURS, sequence_number="9" * 5_000),
    "a sequence number in Arabic digits": replace(OURS, sequence_number="\u0661\u0662"),
    "the id of another failure": replace(OURS, failure_id=f"{0:032x}"),
    "an empty id": replace(OURS, failure_id=""),
    "an id that is a command": replace(OURS, failure_id="$(id) --all"),
    "a record changed afterwards": replace(OURS, record={**RECORD, "eventID": "another"}),
    "a record of two users": of_two_users(),
    "keys that the table hasn't": shown_as_another_change(),
    "lost, but with a record": replace(OURS, kind="lost"),
    "no record, but not lost": replace(OURS, record=None),
    "lost, by the id of another failure": lost(failure_id=f"{0:032x}"),
    "lost from another account": lost(event_source_arn=STREAM_ARN.replace(ACCOUNT, OTHER_ACCOUNT)),
    "lost, with an id of a megabyte": lost("x" * 400_000),
    "the object of another record": replace(OURS, record=None, record_location=f"{PLACES}{0:032x}.json"),
    "an object of another bucket": replace(OURS, record=None, record_location=f"s3://elsewhere/{7:032x}.json"),
}

TEXT = OURS.to_json()
UNREADABLE_MESSAGES: Mapping[str, str] = {
    "nothing but a space": " ",
    "an object": "{}",
    "a text that nests without end": "[" * 100_000,
    "a record that nests without end": TEXT.replace(f'"{7:032x}"', "[" * 5_000 + "]" * 5_000, 1),
    "NaN": TEXT.replace('"SizeBytes":200', '"SizeBytes":NaN'),
    "Infinity": TEXT.replace('"SizeBytes":200', '"SizeBytes":-Infinity'),
    "1e400": TEXT.replace('"SizeBytes":200', '"SizeBytes":1e400'),
    "a number of 5,000 digits": TEXT.replace('"SizeBytes":200', f'"SizeBytes":{"9" * 5_000}'),
    "half of a surrogate pair": TEXT.replace("exhausted", "\\ud800"),
    "a list of envelopes": f"[{TEXT}]",
    "the envelope as text": json.dumps(TEXT),
    "two values": f"{TEXT}{TEXT}",
    "a byte order mark": f"\ufeff{TEXT}",
    "no kind": TEXT.replace('"kind":"exhausted",', ""),
    "a kind of its own": TEXT.replace('"kind":"exhausted"', '"kind":"replayed"'),
    "attempts that are no number": TEXT.replace('"attempts":', '"attempts":"many","x":'),
    "a user that is a list": TEXT.replace('"userId":"', '"userId":["x"],"y":"', 1),
    "another version": TEXT.replace('"envelopeVersion":1', '"envelopeVersion":2'),
    "a member more": TEXT.replace('"envelopeVersion":1', '"envelopeVersion":1,"signature":"x"'),
}

CUMBERSOME_MESSAGES: Mapping[str, FailedRecord] = {
    "a message that nests without end": of_welcome({**IN_QUEUE, "body": "[" * 100_000}),
    "a message with half of a surrogate pair": of_welcome({**IN_QUEUE, "body": '{"userId":"eve","eventId":"\\ud800"}'}),
    "a message with a number of 5,000 digits": of_welcome({**IN_QUEUE, "body": f'{{"userId":{"9" * 5_000}}}'}),
    "a message without an id": of_welcome({**IN_QUEUE, "messageId": None}),
    "a reason of a megabyte": replace(OURS, reason="x" * 900_000),
    "images that nest": with_body(NewImage={"a": {"L": [{"L": [{"L": [{"M": {}}]}]}] * 3}}),
    "images that are none": with_body(NewImage=["a"], OldImage=7),
    "no images": with_body(NewImage=None, OldImage=None),
    "a number that is a list": with_body(SequenceNumber=["1"]),
    "a date that is none": with_body(ApproximateCreationDateTime="yesterday"),
    "images of 190 levels": with_body(NewImage={"a": nested(190)}),
}
"""As our functions could write them: they stop nothing, whether they are replayed or not."""


@pytest.fixture(params=[*FOREIGN_MESSAGES, *UNREADABLE_MESSAGES, *CUMBERSOME_MESSAGES])
def message(request: pytest.FixtureRequest, stack: StackInMemory) -> str:
    """Put a forged message between good ones; return which it is."""
    for position in range(GOOD - 1):
        stack.fail(change(position))
    failed = FOREIGN_MESSAGES.get(request.param) or CUMBERSOME_MESSAGES.get(request.param)
    stack.queue.put(UNREADABLE_MESSAGES[request.param] if failed is None else failed.to_json())
    stack.fail(change(GOOD - 1))
    return request.param


GOOD_IDS = frozenset(f"{position:032x}" for position in range(GOOD))
FORGED_ID = f"message-{GOOD:06d}"
"""Its message's: what is foreign or unreadable goes by no other id."""


def kind_of(message: str) -> str | None:
    return FOREIGN if message in FOREIGN_MESSAGES else NOT_AN_ENVELOPE if message in UNREADABLE_MESSAGES else None


def answer(result: Result) -> Any:
    assert result.exit_code in {ExitCode.OK, ExitCode.UNFINISHED}, result.output
    return json.loads(result.stdout)


def test_it_is_listed_beside_the_good_ones_and_shown_with_the_reason(run: Run, message: str) -> None:
    listed = answer(run("dlq", "list"))
    (one,) = (record for record in listed["records"] if record["failureId"] not in GOOD_IDS)
    shown = answer(run("dlq", "show", one["failureId"]))
    table = run("dlq", "show", one["failureId"], "--table")

    assert (listed["failures"], listed["messages"]) == (GOOD + 1, GOOD + 1)
    assert len(run("dlq", "list", "--table").stdout) < 20 * LONGEST_SHOWN
    assert (shown["failureId"], table.exit_code) == (one["failureId"], ExitCode.OK)
    if (kind := kind_of(message)) is not None:
        assert (one["failureId"], one["kind"]) == (FORGED_ID, kind)
        assert (shown["kind"], shown["replayable"]) == (kind, False)
        assert shown["reason"].startswith("not ")
        assert f"dlq discard {FORGED_ID}" in table.stdout


def test_the_good_ones_are_replayed_and_it_is_not(stack: StackInMemory, run: Run, message: str) -> None:
    rehearsed = answer(run("dlq", "replay", "--all", "--dry-run"))
    replayed = answer(run("dlq", "replay", "--all"))
    again = run("dlq", "replay", "--all", "--table")

    if (kind := kind_of(message)) is None:
        assert replayed["replayed"] + len(stack.queue.bodies()) == GOOD + 1
        assert replayed["replayed"] >= GOOD
        return
    assert (rehearsed["wouldReplay"], rehearsed["notReplayable"]) == (GOOD, 1)
    assert (replayed["replayed"], replayed["notReplayable"]) == (GOOD, 1)
    assert [one["failureId"] for one in replayed["foreign"]] == ([FORGED_ID] if kind == FOREIGN else [])
    assert sum(map(len, stack.function.invocations)) == GOOD
    assert not any(function.invocations for function in stack.answering.values())
    assert (len(stack.table.items), stack.queue.visible()) == (GOOD, 1)
    assert again.exit_code == ExitCode.UNFINISHED
    if kind == FOREIGN:
        assert "1 message not replayed, because something else wrote it" in again.stdout
        assert f"dlq discard {FORGED_ID}" in again.stdout


def test_it_is_discarded_alone_and_saved(stack: StackInMemory, run: Run, message: str) -> None:
    if kind_of(message) is None:
        return
    discarded = answer(run("dlq", "discard", FORGED_ID, "--yes", "--export", "forged.jsonl"))

    assert discarded["removed"] == 1
    assert stack.queue.visible() == GOOD
    (line,) = (json.loads(text) for text in Path("forged.jsonl").read_text().splitlines())
    assert (line["failureId"], "foreign" in line) == (FORGED_ID, message in FOREIGN_MESSAGES)


def test_it_is_exported_and_what_is_foreign_is_never_restored(stack: StackInMemory, run: Run, message: str) -> None:
    exported = answer(run("dlq", "export", "all.jsonl", "--remove"))
    foreign = int(message in FOREIGN_MESSAGES)
    assert (exported["exported"], exported["removed"], exported["foreign"]) == (GOOD + 1, GOOD + 1, foreign)

    restored = answer(run("dlq", "restore", "all.jsonl"))

    assert (restored["restored"], restored["foreign"]) == (GOOD + 1 - foreign, foreign)
    assert stack.queue.visible() == GOOD + 1 - foreign


@pytest.mark.parametrize("failed", FOREIGN_MESSAGES.values(), ids=FOREIGN_MESSAGES)
def test_a_foreign_envelope_in_a_line_made_by_hand_is_not_restored(
    stack: StackInMemory, run: Run, failed: FailedRecord
) -> None:
    texts = (failed.to_json(), TEXT, "junk")
    lines: list[JsonObject] = [{"sentAt": utc_timestamp(NOON), "attributes": {}, "body": text} for text in texts]
    Path("made.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    restored = answer(run("dlq", "restore", "made.jsonl"))

    assert (restored["restored"], restored["foreign"]) == (2, 1)
    assert stack.queue.bodies() == [TEXT, "junk"]
    assert stack.store.objects == {}


def test_an_object_that_holds_another_record_than_its_message_says_is_not_replayed(
    stack: StackInMemory, run: Run
) -> None:
    place = f"{PLACES}{7:032x}.json"
    stack.fail(change(0))
    stack.put(replace(OURS, record=None, record_location=place))
    for stored in (dated(1_672_531_200), envelope(change(7, "adam")), failed_record(activity_record(7), FAN_OUT)):
        stack.store.objects[place] = replace(stored, record_location=place).to_json()

        shown = answer(run("dlq", "show", OURS.failure_id))
        rehearsed = answer(run("dlq", "replay", "--all", "--dry-run"))

        assert (shown["kind"], shown["replayable"]) == (FOREIGN, False)
        assert (rehearsed["wouldReplay"], [one["failureId"] for one in rehearsed["foreign"]]) == (1, [OURS.failure_id])

    assert answer(run("dlq", "replay", "--all"))["replayed"] == 1
    assert answer(run("dlq", "discard", OURS.failure_id, "--yes"))["removed"] == 1
    assert stack.queue.bodies() == []


def test_a_backfilled_user_is_dated_before_the_stream_began(stack: StackInMemory, run: Run) -> None:
    """And a repair by `verify`, which may be too: both take numbers below every stream's."""
    backfilled = backfill_change({"userId": {"S": "eve"}, "createdAt": {"S": "2019-01-01"}}, STREAM_ARN, "eu-west-1")
    stack.fail(backfilled.record)
    stack.put(dated(0, SequenceNumber="7".zfill(21)))

    assert answer(run("dlq", "replay", "--all"))["replayed"] == 2
    assert stack.queue.bodies() == []


def test_a_record_of_a_stream_that_was_made_again_is_the_table_s(stack: StackInMemory, run: Run) -> None:
    """It is older than the stream that the table has now."""
    stack.put(dated(1_672_531_200, STREAM_ARN.replace("2026-11-24", "2022-11-24")))

    assert answer(run("dlq", "replay", "--all"))["replayed"] == 1


def test_a_longer_id_is_no_way_to_another_record(stack: StackInMemory, run: Run) -> None:
    """Who wants to replay or discard one record would meet two, and have seen one."""
    stack.fail(change(0))
    stack.fail({**change(1), "eventID": f"{0:032x}0"})

    assert (
        answer(run("dlq", "show", f"{0:032x}"))["envelope"]["sequenceNumber"] == change(0)["dynamodb"]["SequenceNumber"]
    )
    for command in (["discard", "--yes"], ["replay"]):
        refused = run("dlq", *command, f"{0:032x}")
        assert refused.exit_code == ExitCode.USAGE
        assert "replay or discard the longer ones first" in refused.stderr.replace("\n", " ")
    assert stack.queue.visible() == 2
    assert answer(run("dlq", "discard", f"{0:032x}0", "--yes"))["removed"] == 1
    assert answer(run("dlq", "replay", f"{0:032x}"))["replayed"] == 1


def test_records_that_differ_under_one_id_are_shown_as_such(stack: StackInMemory, run: Run) -> None:
    """A replay sends each of them, and `show` shows the newest."""
    stack.fail(change(0))
    assert answer(run("dlq", "show", f"{0:032x}"))["distinctRecords"] == 1
    stack.clock.pass_by(1)
    stack.fail(change(0))
    assert answer(run("dlq", "show", f"{0:032x}"))["distinctRecords"] == 1
    stack.clock.pass_by(1)
    stack.put(envelope({**change(1), "eventID": f"{0:032x}"}))

    assert answer(run("dlq", "show", f"{0:032x}"))["distinctRecords"] == 2
    assert "3, with 2 different records: this is the newest" in run("dlq", "show", f"{0:032x}", "--table").stdout
