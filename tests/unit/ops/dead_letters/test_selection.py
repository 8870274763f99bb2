import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.aws.queues import Message
from ops.dead_letters.message import DeadLetter, read_dead_letter
from ops.dead_letters.selection import Selection, is_beginning, parse_conditions
from ops.errors import NotFoundError, WrongUsageError
from ops.output import short_ids
from tests.support.ops.ops_in_memory import OUTPUTS, envelope
from tests.support.records.record_strategies import stream_record

IMAGE = {"userId": {"S": "eve"}}


def letter(body: str = "") -> DeadLetter:
    text = body or envelope(stream_record("INSERT", 7, "eve", None, IMAGE), reason="failed, again: Throttled").to_json()
    message = Message(message_id="m-1", receipt="r", body=text, sent_at=0.0, receive_count=1)
    return read_dead_letter(message, OUTPUTS)


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
        ("consumer=log-user-changes", True),
        ("consumer=welcome-new-users", False),
        ("consumer!=unknown", True),
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

    Selection(ids=("abc1", "abc2")).check_found(found, "queue")
    with pytest.raises(NotFoundError, match="from queue has the id abd;"):
        Selection(ids=("abd", "abc1")).check_found(found, "queue")
    with pytest.raises(WrongUsageError, match="beginning of 3 ids"):
        Selection(ids=("ab",)).check_found(found, "queue")


def test_an_id_that_begins_another_id_stands_for_neither() -> None:
    """Or who discards the one would discard the other, unseen."""
    with pytest.raises(WrongUsageError, match="'abc' is the beginning of 2 ids") as refusal:
        Selection(ids=("abc",)).check_found({"abc", "abc1"}, "queue")

    assert "replay or discard the longer ones first" in (refusal.value.next_step or "")


def test_a_consumer_that_nobody_declares_is_refused_with_those_that_are() -> None:
    with pytest.raises(WrongUsageError, match="there is no consumer nobody") as refusal:
        parse_conditions(["consumer=nobody"])

    assert "log-user-changes, fan-out-user-changes" in (refusal.value.next_step or "")


@pytest.mark.parametrize(
    ("ids", "where", "consumer", "everything"),
    [((), (), None, False), (("a",), (), "unknown", False), (("a",), (), None, True), ((), ("kind=lost",), None, True)],
)
def test_one_kind_of_selection_must_be_given(
    ids: tuple[str, ...], where: tuple[str, ...], consumer: str | None, *, everything: bool
) -> None:
    with pytest.raises(WrongUsageError):
        Selection.of(ids, where, consumer=consumer, everything=everything)


def test_a_consumer_narrows_a_selection_and_is_said_in_the_next_command() -> None:
    both = Selection.of((), ("kind=lost",), consumer="log-user-changes", everything=False)

    assert both.as_arguments == "--consumer log-user-changes --where kind=lost"
    assert Selection.of((), (), consumer="log-user-changes", everything=True) == Selection.matching(
        (), "log-user-changes"
    )


def test_what_follows_the_consumer_in_an_id_stands_for_it_unless_it_is_another_s_whole_id() -> None:
    plain, of_consumer = "716ea67f01", "welcome-new-users.716ea67f01"
    both = frozenset({plain, of_consumer})

    assert is_beginning("716ea67f", of_consumer)
    assert not is_beginning(plain, of_consumer)
    Selection(ids=(plain, "welcome-new-users.7")).check_found(both, "queue")
    with pytest.raises(WrongUsageError, match="beginning of 2 ids"):
        Selection(ids=("716ea67f",)).check_found(both, "queue")


@given(st.sets(st.from_regex(r"([a-c]{1,2}\.)?[a-c]{6,12}", fullmatch=True), max_size=12))
def test_each_short_id_stands_for_one_failure_alone(ids: set[str]) -> None:
    short = short_ids(sorted(ids))

    assert short.keys() == ids
    for failure_id, form in short.items():
        assert is_beginning(form, failure_id)
        if not any(is_beginning(failure_id, other) for other in ids - {failure_id}):
            Selection(ids=(form,)).check_found(ids, "queue")


def test_an_exact_id_matches() -> None:
    selection = Selection(ids=("0" * 31 + "7",))

    assert selection.matches(letter())
