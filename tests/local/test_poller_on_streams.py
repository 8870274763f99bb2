"""The poller against two Streams APIs: the emulator's, and that of Amazon's DynamoDB Local."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from delivery.decisions import InvocationOutcome, NotAdmitted
from functions.runtime.json_log import JsonObject
from tests.support.local.mapped_function import eventually
from tests.support.local.polled_stream import PolledStream, raised, returned

USERS = [f"u{number}" for number in range(8)]
History = dict[str, list[tuple[str, str | None]]]


@pytest.fixture(params=["dynamodb_emulator", pytest.param("dynamodb_local", marks=pytest.mark.java)])
def stream(request: pytest.FixtureRequest, tmp_path: Path) -> PolledStream:
    return PolledStream(request.getfixturevalue(request.param), tmp_path)


def change_users(stream: PolledStream, dice: Random, changes: int, history: History | None = None) -> History:
    """Make random changes; return the expected histories and those that were delivered."""
    history = {} if history is None else history
    for number in range(len([change for past in history.values() for change in past]), changes):
        user = dice.choice(USERS)
        past = history.setdefault(user, [])
        exists = bool(past) and past[-1][0] != "DELETED"
        if exists and dice.random() < 0.2:
            stream.delete(user)
            past.append(("DELETED", None))
        else:
            stream.write(user, number)
            past.append(("UPDATED" if exists else "ADDED", f"{user} {number}"))
    return history


def test_each_type_of_change_has_the_form_of_a_lambda_event(stream: PolledStream) -> None:
    with stream.polled():
        stream.write("eve", 1)
        stream.write("eve", 2, picture="x")
        stream.delete("eve")
        eventually(stream.function.sequence_numbers, lambda numbers: len(numbers) == 3)

    records = [record for batch in stream.function.batches for record in batch]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    for record in records:
        body = record["dynamodb"]
        assert record["eventSource"] == "aws:dynamodb"
        assert record["eventSourceARN"] == stream.stream_arn
        assert body["Keys"] == {"userId": {"S": "eve"}}
        assert body["StreamViewType"] == "NEW_AND_OLD_IMAGES"
        assert isinstance(body["ApproximateCreationDateTime"], float)
    assert [("OldImage" in record["dynamodb"], "NewImage" in record["dynamodb"]) for record in records] == [
        (False, True),
        (True, True),
        (True, False),
    ]
    assert records[1]["dynamodb"]["NewImage"]["picture"] == {"S": "x"}


def test_every_change_is_kept_in_the_order_of_its_user_whatever_fails(stream: PolledStream) -> None:
    dice = Random(11)  # noqa: S311  a test's dice

    def trouble(records: list[JsonObject]) -> InvocationOutcome | None:
        match dice.choice(["none", "none", "none", "raise", "refuse", "partial", "late"]):
            case "raise":
                return raised()
            case "refuse":
                return NotAdmitted("TooManyRequestsException")
            case "partial":
                done = dice.randrange(len(records))
                stream.function.processing.process(records[:done])
                return returned(
                    {"batchItemFailures": [{"itemIdentifier": records[done]["dynamodb"]["SequenceNumber"]}]}
                )
            case "late":  # cut off by its time limit, after all effects
                stream.function.processing.process(records)
                return raised()
            case _:
                return None

    stream.function.trouble = trouble
    history: History = {}
    with stream.polled(parallelization_factor=3):
        change_users(stream, dice, 150, history)
        eventually(stream.kept, lambda kept: kept == history)

    assert stream.destination.discards == []


def test_a_poller_that_ends_midway_resumes_from_its_checkpoint(stream: PolledStream) -> None:
    dice = Random(12)  # noqa: S311  a test's dice
    history: History = {}
    for changes in (60, 120, 180):
        with stream.polled(parallelization_factor=2):
            change_users(stream, dice, changes, history)
            eventually(stream.function.sequence_numbers, bool)
    with stream.polled(parallelization_factor=2) as last:
        eventually(stream.kept, lambda kept: kept == history)
        eventually(lambda: last.is_idle, bool)
    with stream.polled(parallelization_factor=2):
        stream.write("the last one", 1)
        eventually(stream.kept, lambda kept: "the last one" in kept)

    again = Counter(stream.function.sequence_numbers())
    assert again.total() - len(again) < 3 * 2 * 10, "more came again than what was under way"
    assert again[max(again)] == 1


def test_one_record_that_always_fails_is_isolated_and_the_others_are_kept(stream: PolledStream) -> None:
    for number in range(9):
        stream.write(f"u{number}", 1)
    stream.function.trouble = lambda records: (
        raised() if any(record["dynamodb"]["Keys"] == {"userId": {"S": "u4"}} for record in records) else None
    )

    with stream.polled(maximum_retry_attempts=1):
        eventually(lambda: stream.destination.discards, bool)
        eventually(stream.kept, lambda kept: len(kept) == 8)

    (discard,) = stream.destination.discards
    assert [record.item for record in discard.records] == ['{"userId":{"S":"u4"}}']
    assert discard.condition == "RetryAttemptsExhausted"


def test_a_disabled_stream_is_read_to_its_end(stream: PolledStream) -> None:
    history = change_users(stream, Random(13), 40)  # noqa: S311  a test's dice
    stream.dynamodb.update_table(TableName=stream.table, StreamSpecification={"StreamEnabled": False})

    with stream.polled():
        eventually(stream.kept, lambda kept: kept == history)
        eventually(stream.log.messages, lambda messages: "SHARD READ TO ITS END:" in messages)
    with stream.polled() as again:
        eventually(lambda: again.is_idle, bool)

    assert max(Counter(stream.function.sequence_numbers()).values()) == 1
