import pytest

from ops.aws.queues import Message
from ops.dead_letters.message import DeadLetter, read_dead_letter
from ops.dead_letters.selection import Selection, parse_conditions
from ops.errors import NotFoundError, WrongUsageError
from tests.support.ops.ops_in_memory import envelope
from tests.support.records.record_strategies import stream_record

IMAGE = {"userId": {"S": "eve"}}


def letter(body: str = "") -> DeadLetter:
    text = body or envelope(stream_record("INSERT", 7, "eve", None, IMAGE), reason="failed, again: Throttled").to_json()
    return read_dead_letter(Message(message_id="m-1", receipt="r", body=text, sent_at=0.0, receive_count=1))


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ("kind=exhausted", True),
        ("kind!=exhausted", False),
        ("kind = exhausted , user = eve", True),
        ("kind=exhausted,user=adam", False),
        ("reason~THROTTLED", True),
        ("reason~failed, again", True),
        ("reason~failed, again,user=eve", True),
        ("event=INSERT", True),
        ("condition=RetryAttemptsExhausted", True),
        ("shard~shardId", True),
    ],
)
def test_a_condition_compares_a_field(conditions: str, *, holds: bool) -> None:
    assert Selection.of((), (conditions,), everything=False).matches(letter()) is holds


def test_a_field_that_a_message_lacks_equals_no_value() -> None:
    junk = letter("junk")

    assert not Selection(conditions=parse_conditions(["user=eve"])).matches(junk)
    assert Selection(conditions=parse_conditions(["user!=eve"])).matches(junk)
    assert Selection(conditions=parse_conditions(["kind=unreadable"])).matches(junk)
    assert Selection(ids=("m-",)).matches(junk)


@pytest.mark.parametrize("text", ["", "kind", "kind=", "colour=red", "=x", "kind<3"])
def test_a_malformed_condition_is_refused_with_the_fields(text: str) -> None:
    with pytest.raises(WrongUsageError) as refusal:
        parse_conditions([text])

    assert "kind, reason" in (refusal.value.next_step or "")


def test_an_id_may_be_shortened_to_a_unique_prefix() -> None:
    found = frozenset({"abc1", "abc2", "abc"})

    Selection(ids=("abc1", "abc")).check_found(found, "queue")
    with pytest.raises(NotFoundError, match="from queue has the id abd;"):
        Selection(ids=("abd", "abc")).check_found(found, "queue")
    with pytest.raises(WrongUsageError, match="beginning of 3 ids"):
        Selection(ids=("ab",)).check_found(found, "queue")


def test_an_exact_id_matches() -> None:
    selection = Selection(ids=("0" * 31 + "7",))

    assert selection.matches(letter())
