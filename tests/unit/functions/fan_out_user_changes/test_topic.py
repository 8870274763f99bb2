"""Messages in calls of ten, of which none overtakes another of its user."""

from hashlib import sha256

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.activity.items import WriteOutcome
from functions.consumers.message import ChangeMessage
from functions.fan_out_user_changes.topic import UserChangesTopic, group_id
from tests.support.aws.aws_wire import Failure
from tests.support.aws.topic_in_memory import EntryFailure, TopicInMemory
from tests.support.records.record_processing_fakes import ManualClock

ARN = "arn:aws:sns:eu-west-1:000000000000:UserChanges-test.fifo"


def _message(user_id: str, number: int) -> ChangeMessage:
    return ChangeMessage(user_id, f"{10**22 + number:040}", f"e{number}", "ADDED", "change", "2026-11-24T00:00:00.000Z")


def _publish(topic: TopicInMemory, *messages: ChangeMessage, clock: ManualClock | None = None) -> WriteOutcome:
    return UserChangesTopic(topic.client, ARN, clock or ManualClock()).publish(messages)


def test_a_message_names_its_change_and_is_grouped_by_its_user() -> None:
    topic = TopicInMemory()
    assert _publish(topic, _message("u-eve", 1)) == WriteOutcome(1, {}, None)
    (published,) = topic.published
    assert published.body == {
        "messageVersion": 1,
        "userId": "u-eve",
        "changeId": "0" * 17 + "10000000000000000000001",
        "eventId": "e1",
        "kind": "ADDED",
        "origin": "change",
        "occurredAt": "2026-11-24T00:00:00.000Z",
    }
    assert published.attributes == {"kind": "ADDED", "origin": "change"}
    assert published.group == "u-eve"
    assert published.deduplication_id == sha256(f"u-eve#{published.body['changeId']}".encode()).hexdigest()


def test_thirty_users_take_three_calls_and_ten_changes_of_one_take_ten() -> None:
    many, one = TopicInMemory(), TopicInMemory()
    _publish(many, *(_message(f"u{number}", number) for number in range(30)))
    _publish(one, *(_message("u", number) for number in range(10)))
    assert [len(call) for call in many.calls] == [10, 10, 10]
    assert [len(call) for call in one.calls] == [1] * 10


def test_calls_are_full_although_users_change_in_bursts() -> None:
    topic = TopicInMemory()
    _publish(topic, *(_message(f"u{number // 2}", number) for number in range(20)))
    assert [len(call) for call in topic.calls] == [10, 10]
    assert all(len({entry.group for entry in call}) == len(call) for call in topic.calls)


def test_a_throttled_message_is_sent_again_alone_and_holds_back_its_users_next() -> None:
    throttled = [EntryFailure("Throttled")]
    topic = TopicInMemory(refuse=lambda entry: throttled.pop() if throttled and entry.body["eventId"] == "e0" else None)
    assert _publish(topic, _message("a", 0), _message("a", 1), _message("b", 2)) == WriteOutcome(3, {}, None)
    assert [entry.body["eventId"] for entry in topic.published] == ["e2", "e0", "e1"]


def test_a_topic_that_stays_throttled_stops_the_batch_at_the_message() -> None:
    topic = TopicInMemory(refuse=lambda entry: EntryFailure("Throttled") if entry.group == "b" else None)
    clock = ManualClock()
    outcome = _publish(topic, _message("a", 0), _message("b", 1), _message("b", 2), _message("c", 3), clock=clock)
    assert outcome == WriteOutcome(1, {}, "PublishBatch: Throttled")
    assert [entry.body["eventId"] for entry in topic.published] == ["e0", "e3"]
    assert len(clock.slept) == 4
    assert 0.3 < sum(clock.slept) < 0.8


@pytest.mark.parametrize("code", ["AuthorizationError", "KMSAccessDenied", "NotFound", "Throttled", "InternalError"])
def test_what_an_operator_or_time_puts_right_is_transient(code: str) -> None:
    one = TopicInMemory(refuse=lambda _: EntryFailure(code, sender_fault=True))
    all_of_it = TopicInMemory(answer=lambda _: Failure(code, 403))
    assert _publish(one, _message("a", 0)) == WriteOutcome(0, {}, f"PublishBatch: {code}")
    assert _publish(all_of_it, _message("a", 0)) == WriteOutcome(0, {}, f"PublishBatch: {code}")


def test_a_message_that_the_topic_never_takes_is_rejected_and_the_others_go_on() -> None:
    topic = TopicInMemory(
        refuse=lambda entry: EntryFailure("InvalidParameter", sender_fault=True) if entry.group == "a" else None
    )
    outcome = _publish(topic, _message("a", 0), _message("b", 1))
    assert outcome == WriteOutcome(2, {0: "the topic refuses its message: InvalidParameter"}, None)


def test_a_call_that_is_a_mistake_is_raised() -> None:
    topic = TopicInMemory(answer=lambda _: Failure("InvalidParameter"))
    with pytest.raises(ClientError, match="InvalidParameter"):
        _publish(topic, _message("a", 0))


def test_a_lost_answer_stops_the_batch_although_all_is_published() -> None:
    topic = TopicInMemory(lose_answer=ReadTimeoutError(endpoint_url="https://sns"))
    assert _publish(topic, _message("a", 0), _message("b", 1)) == WriteOutcome(0, {}, "ReadTimeoutError")
    assert len(topic.published) == 2


def test_the_batch_stops_when_the_invocations_time_is_nearly_over() -> None:
    topic, clock = TopicInMemory(), ManualClock(remaining=60)
    publisher = UserChangesTopic(topic.client, ARN, clock)
    clock.pass_by(59)
    assert publisher.publish([_message("a", 0)]) == WriteOutcome(0, {}, "the invocation's time is nearly over")
    assert topic.calls == []


@pytest.mark.parametrize("user_id", ["two words", "é", "\ud800", "u" * 129, "tab\t"])
def test_a_user_id_that_sns_would_not_take_is_grouped_by_its_digest(user_id: str) -> None:
    assert len(group_id(user_id)) == 64
    assert group_id(user_id) != group_id(user_id + "x")


@pytest.mark.parametrize("user_id", ["u", "0b0f1d2c-6a0e-4a39-9d8b-111111111111", "!" * 128, "a'b\"<&>"])
def test_any_other_user_id_is_the_group(user_id: str) -> None:
    assert group_id(user_id) == user_id
