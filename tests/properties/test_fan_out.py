"""Every new item of Activity is published, and a user's in order, whatever fails on the way."""

from typing import TYPE_CHECKING, Literal, NamedTuple

from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from functions.consumers.message import ChangeMessage
from functions.consumers.stream_batch import BatchOutcome, StreamBatch
from functions.fan_out_user_changes.activity_record import read_activity_record
from functions.fan_out_user_changes.topic import UserChangesTopic
from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Failure
from tests.support.aws.topic_in_memory import EntryFailure, Published, TopicInMemory
from tests.support.records.consumer_messages import activity_record, message_of
from tests.support.records.record_processing_fakes import DeadLettersInMemory, LogInMemory, ManualClock
from tests.support.records.record_strategies import histories

if TYPE_CHECKING:
    from collections.abc import Iterator

USER_IDS = tuple(f"user-{number}" for number in range(5))
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:FanOutUserChangesFunction-test"


class KilledError(BaseException):
    """The process ends here."""


class Fault(NamedTuple):
    """What happens in one call of the topic."""

    kind: Literal["entries", "call", "answer lost", "killed before", "killed after"]
    entries: frozenset[int] = frozenset()  # the positions that are throttled


FAULTS = st.builds(Fault, st.just("entries"), st.frozensets(st.integers(0, 9), min_size=1, max_size=6)) | st.builds(
    Fault, st.sampled_from(["call", "answer lost", "killed before", "killed after"])
)
FOREIGN: JsonObject = {"eventName": "INSERT", "eventID": "f", "dynamodb": {"SequenceNumber": "1", "NewImage": {}}}


class FanOut:
    """The function behind its mapping, in front of a topic whose calls fail as told."""

    def __init__(self, faults: list[Fault | None]) -> None:
        self._faults: Iterator[Fault | None] = iter(faults)
        self._fault: Fault | None = None
        self._entry = 0
        self.topic = TopicInMemory(refuse=self._refuse, answer=self._answer)
        self.dead_letters = DeadLettersInMemory()

    def _answer(self, _: list[Published]) -> Failure | Exception | None:
        self._fault, self._entry = next(self._faults, None), -1
        kind = self._fault and self._fault.kind
        self.topic.lose_answer = {
            "answer lost": ReadTimeoutError(endpoint_url="sns"),
            "killed after": KilledError(),
        }.get(kind or "")
        if kind == "killed before":
            raise KilledError
        return Failure("InternalError", 500) if kind == "call" else None

    def _refuse(self, _: Published) -> EntryFailure | None:
        self._entry += 1
        throttled = self._fault is not None and self._entry in self._fault.entries
        return EntryFailure("Throttled") if throttled else None

    def invoke(self, records: list[JsonObject]) -> BatchOutcome | None:
        """Return the outcome, or None if the process was killed."""
        clock = ManualClock()
        batch = StreamBatch[ChangeMessage](
            read=read_activity_record,
            write=UserChangesTopic(self.topic.client, "arn", clock).publish,
            log_written=lambda _: None,
            dead_letters=self.dead_letters,
            log=LogInMemory(),
            source_function=FUNCTION_ARN,
            table="Activity-test",
            now=clock.now,
        )
        try:
            return batch.process(records)
        except KilledError:
            return None

    def deliver(self, records: list[JsonObject], *, forgets: bool) -> None:
        """Deliver as the mapping does: again from the named record, or all after a kill."""
        rest = records
        while rest:
            outcome = self.invoke(rest)
            if forgets:
                self.topic.forget_deduplication()
            if outcome is not None:
                if outcome.stopped_at is None:
                    return
                rest = rest[outcome.settled :]


def _first_publications(topic: TopicInMemory) -> list[Published]:
    return list({entry.deduplication_id: entry for entry in reversed(topic.published)}.values())[::-1]


@given(histories(user_ids=USER_IDS, min_size=8, max_size=24), st.lists(st.none() | FAULTS, max_size=12), st.booleans())
def test_every_item_is_published_and_a_users_in_order(
    history: list[JsonObject],
    faults: list[Fault | None],
    forgets: bool,  # noqa: FBT001  drawn by position
) -> None:
    fan_out = FanOut(faults)
    fan_out.deliver([activity_record(record) for record in history], forgets=forgets)

    first = _first_publications(fan_out.topic)
    for user_id in USER_IDS:
        published = [entry.body["changeId"] for entry in first if entry.group == user_id]
        assert published == [message.change_id for message in map(message_of, history) if message.user_id == user_id]
    if not forgets:
        assert len(first) == len(fan_out.topic.published)
    assert fan_out.dead_letters.sent == []


@given(histories(user_ids=USER_IDS, min_size=1, max_size=20), st.data())
def test_an_item_of_another_form_is_dead_lettered_and_delays_none(
    history: list[JsonObject], data: st.DataObject
) -> None:
    records = [activity_record(record) for record in history]
    records.insert(data.draw(st.integers(0, len(records))), FOREIGN)
    fan_out = FanOut([])
    assert fan_out.invoke(records) == BatchOutcome(len(records), None, None)
    assert len(fan_out.topic.published) == len(history)
    assert [(failed.failure_id, failed.kind) for failed in fan_out.dead_letters.sent] == [
        ("fan-out-user-changes.f", "permanent")
    ]


@given(histories(user_ids=USER_IDS, min_size=1, max_size=24))
def test_no_call_has_two_changes_of_one_user_or_more_than_ten(history: list[JsonObject]) -> None:
    fan_out = FanOut([])
    fan_out.invoke([activity_record(record) for record in history])
    for call in fan_out.topic.calls:
        assert len({entry.group for entry in call}) == len(call) <= 10
    busiest = max(sum(message_of(record).user_id == user_id for record in history) for user_id in USER_IDS)
    assert len(fan_out.topic.calls) <= busiest + len(history) // 10
