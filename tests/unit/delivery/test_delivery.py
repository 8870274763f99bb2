"""The delivery as a whole: which shards it opens, when it acts, and what it logs."""

from collections.abc import Sequence
from typing import Any

import pytest

from delivery.assumptions import Assumptions
from delivery.decisions import FunctionFailed, FunctionReturned, InvocationOutcome, NotAdmitted
from delivery.delivery import Delivery
from delivery.messages import (
    Action,
    Checkpoint,
    Event,
    Invoke,
    Invoked,
    ListingFailed,
    ListShards,
    LogEvent,
    PageRead,
    ReadFailed,
    ReadShard,
    SaveCheckpoint,
    SendAttempted,
    SendDocument,
    Shard,
    ShardCheckpoint,
    ShardsListed,
    StreamWritten,
)
from delivery.records import Invocation
from delivery.settings import MappingSettings
from tests.support.delivery.delivery_metrics import Metrics
from tests.support.delivery.stream_record_examples import WRITTEN_AT, example_records, numbers_of, sequence_number

NOW = WRITTEN_AT
SUCCESS = FunctionReturned(b"null", Invocation(request_id="r"))
FAILURE = FunctionFailed(Invocation(request_id="r", function_error="Unhandled"))
THROTTLED = NotAdmitted("TooManyRequestsException")
SHARD = Shard("s-1")


class Session:
    """A delivery and all its actions."""

    def __init__(
        self, checkpoint: Checkpoint | None = None, assumptions: Assumptions | None = None, **changes: Any
    ) -> None:
        usual: dict[str, Any] = {"maximum_retry_attempts": 0, "destination_arn": "arn:aws:sqs:r:1:q"}
        settings = MappingSettings(uuid="u", stream_arn="stream", function_arn="function", **(usual | changes))
        self.delivery = Delivery(settings, assumptions or Assumptions(), checkpoint)
        self.now = NOW
        self.actions: list[Action] = []
        self.metrics = Metrics()

    def step(self, *events: Event, seconds: float = 0.0) -> list[Action]:
        """Step; return the actions that don't log."""
        self.now += seconds
        actions = self.delivery.step(self.now, events)
        self.metrics.count(self.now, events, actions)
        self.actions += actions
        return [action for action in actions if not isinstance(action, LogEvent)]

    def logged(self) -> list[str]:
        return [action.message for action in self.actions if isinstance(action, LogEvent)]

    def saved(self) -> Checkpoint | None:
        return next(
            (action.checkpoint for action in reversed(self.actions) if isinstance(action, SaveCheckpoint)), None
        )

    def begin(self, *shards: Shard) -> list[Action]:
        self.step()
        return self.step(ShardsListed(shards or (SHARD,)))

    def deliver(self, outcome: InvocationOutcome, first: int = 1, last: int = 1, **page: Any) -> list[Action]:
        """Read some records of the first shard, and return the function's outcome for them."""
        self.step(PageRead("s-1", example_records(first, last), **page))
        return self.step(Invoked("s-1", 0, outcome))


def reads(actions: Sequence[Action]) -> list[ReadShard]:
    return [action for action in actions if isinstance(action, ReadShard)]


def test_delivery_begins_with_a_listing_and_reads_shards_from_their_beginning() -> None:
    session = Session()
    assert session.step() == [ListShards()]
    assert session.step(ShardsListed([SHARD])) == [ReadShard("s-1", None, "TRIM_HORIZON")]


def test_records_are_delivered_and_then_the_checkpoint_is_saved() -> None:
    session = Session()
    session.begin()
    (invoke,) = session.step(PageRead("s-1", example_records(1, 3)))
    assert isinstance(invoke, Invoke)
    assert numbers_of(invoke.batch.records) == [1, 2, 3]
    assert session.saved() is None
    assert session.step(Invoked("s-1", 0, SUCCESS)) == [
        SaveCheckpoint(Checkpoint({"s-1": ShardCheckpoint(sequence_number(3))}))
    ]


def test_reading_continues_at_the_poll_rate_while_the_function_runs() -> None:
    session = Session(assumptions=Assumptions(polls_per_second=4))
    session.begin()
    assert reads(session.step(PageRead("s-1", example_records(1, 2)))) == []
    assert reads(session.step(seconds=0.24)) == []
    assert reads(session.step(seconds=0.01)) == [ReadShard("s-1", sequence_number(2), "TRIM_HORIZON")]


def test_a_shard_without_records_is_polled_less_often_until_one_comes() -> None:
    assumptions = Assumptions(polls_per_second=10.0, idle_polls_per_second=2.0, idle_seconds=10.0)
    session = Session(assumptions=assumptions)
    session.begin(SHARD)

    def polls_of(seconds: int) -> int:
        ends = session.now + seconds
        polls = 0
        while session.now < ends:
            polls += len(reads(session.step(PageRead("s-1", []), seconds=0.0)))
            session.now = max(session.now, session.delivery.next_time() or ends)
            polls += len(reads(session.step()))
        return polls

    assert 90 <= polls_of(9) <= 91
    polls_of(2)
    assert 18 <= polls_of(10) <= 22
    session.step(PageRead("s-1", example_records(1, 1)))
    assert 45 <= polls_of(5) <= 51


RARELY = Assumptions(polls_per_second=10.0, idle_polls_per_second=0.1, idle_seconds=0.0)


def test_a_shard_that_is_polled_rarely_is_read_at_once_when_it_was_written_to() -> None:
    session = Session(assumptions=RARELY)
    session.begin()
    session.step(PageRead("s-1", []), seconds=0.0)
    assert reads(session.step(seconds=5.0)) == []
    assert reads(session.step(StreamWritten(), seconds=0.0)) == [ReadShard("s-1", None, "TRIM_HORIZON")]


def test_a_write_during_a_read_that_did_not_see_it_is_read_next() -> None:
    session = Session(assumptions=RARELY)
    session.begin()
    assert reads(session.step(StreamWritten(), seconds=0.0)) == []
    assert reads(session.step(PageRead("s-1", []), seconds=0.0)) == []
    assert reads(session.step(seconds=0.1)) == [ReadShard("s-1", None, "TRIM_HORIZON")]


def test_writes_are_not_read_more_often_than_the_poll_rate_nor_sooner_after_a_failure() -> None:
    session = Session(assumptions=RARELY)
    session.begin()
    polls = 0
    for _ in range(100):
        polls += len(reads(session.step(PageRead("s-1", []), StreamWritten(), seconds=0.01)))
    assert 9 <= polls <= 11
    session.step(seconds=1.0)
    session.step(ReadFailed("s-1", "out of reach"), StreamWritten(), seconds=0.0)
    assert reads(session.step(StreamWritten(), seconds=0.1)) == []
    assert len(reads(session.step(seconds=0.2))) == 1


def test_delivery_resumes_from_a_checkpoint() -> None:
    session = Session(Checkpoint({"s-1": ShardCheckpoint(sequence_number(7))}))
    assert session.begin() == [ReadShard("s-1", sequence_number(7), "TRIM_HORIZON")]


def test_an_unchanged_checkpoint_is_not_saved_again() -> None:
    session = Session(Checkpoint({"s-1": ShardCheckpoint(sequence_number(7))}))
    session.begin()
    for _ in range(3):
        session.step(seconds=1)
    assert session.saved() is None


def test_latest_skips_the_shards_that_are_closed() -> None:
    session = Session(starting_position="LATEST")
    closed = Shard("s-0", None, closed=True)
    assert reads(session.begin(closed, Shard("s-1", "s-0"))) == [ReadShard("s-1", None, "LATEST")]


def test_latest_reads_a_later_shard_from_its_beginning() -> None:
    session = Session(starting_position="LATEST")
    session.begin()
    session.step(PageRead("s-1", [], ended=True))
    assert reads(session.step(ShardsListed([SHARD, Shard("s-2", "s-1")]))) == [ReadShard("s-2", None, "TRIM_HORIZON")]


def test_a_child_is_read_after_its_parent_is_settled() -> None:
    session = Session()
    child = Shard("s-2", "s-1")
    session.begin(SHARD, child)
    session.step(PageRead("s-1", example_records(1, 1), ended=True))
    session.step(seconds=20)
    assert reads(session.step(ShardsListed([SHARD, child]))) == []
    assert ListShards() in session.step(Invoked("s-1", 0, SUCCESS))
    assert reads(session.step(ShardsListed([SHARD, child]))) == [ReadShard("s-2", None, "TRIM_HORIZON")]
    saved = session.saved()
    assert saved is not None
    assert saved.shards["s-1"] == ShardCheckpoint(sequence_number(1), finished=True)


def test_a_finished_shard_is_not_read_again_after_a_restart() -> None:
    session = Session(Checkpoint({"s-1": ShardCheckpoint(sequence_number(1), finished=True)}))
    assert reads(session.begin(SHARD, Shard("s-2", "s-1"))) == [ReadShard("s-2", None, "TRIM_HORIZON")]


def test_finished_shards_that_the_stream_no_longer_has_leave_the_checkpoint() -> None:
    finished = ShardCheckpoint(sequence_number(1), finished=True)
    session = Session(Checkpoint({"s-0": finished, "s-1": ShardCheckpoint(sequence_number(2))}))
    session.begin()
    assert session.saved() == Checkpoint({"s-1": ShardCheckpoint(sequence_number(2))})
    assert "RECORDS MAY BE LOST:" not in session.logged()


def test_an_unfinished_shard_that_the_stream_no_longer_has_is_a_gap() -> None:
    session = Session(Checkpoint({"s-0": ShardCheckpoint(sequence_number(1))}))
    session.begin()
    assert session.metrics.gaps == 1
    assert "RECORDS MAY BE LOST:" in session.logged()


def test_records_of_a_shard_that_the_stream_no_longer_has_are_still_delivered() -> None:
    session = Session()
    session.begin()
    session.step(PageRead("s-1", example_records(1, 1)), seconds=20)
    session.step(ShardsListed([Shard("s-2")]), ReadFailed("s-1", "ResourceNotFoundException"))
    assert session.metrics.gaps == 1
    session.step(Invoked("s-1", 0, SUCCESS))
    assert session.delivery.is_idle


def test_a_page_that_arrives_after_its_shard_was_trimmed_is_delivered() -> None:
    session = Session()
    session.begin()
    session.step(seconds=20)
    session.step(ShardsListed([Shard("s-2")]))
    session.deliver(SUCCESS)
    assert session.metrics.polled == 1


def test_a_gap_is_logged_with_both_its_ends() -> None:
    session = Session(Checkpoint({"s-1": ShardCheckpoint(sequence_number(2))}))
    session.begin()
    session.deliver(SUCCESS, 5, 6, gap=True)
    (logged,) = [action for action in session.actions if isinstance(action, LogEvent) and action.level == "ERROR"]
    assert logged.fields["after"] == sequence_number(2)
    assert logged.fields["before"] == sequence_number(5)


@pytest.mark.parametrize(
    ("failure", "success", "said"),
    [
        (ListingFailed("no"), ShardsListed([SHARD]), ["STREAM OUT OF REACH:", "STREAM IN REACH AGAIN:"]),
        (ReadFailed("s-1", "no"), PageRead("s-1", []), ["SHARD OUT OF REACH:", "SHARD IN REACH AGAIN:"]),
    ],
)
def test_an_outage_and_its_end_are_logged_once(failure: Event, success: Event, said: list[str]) -> None:
    session = Session(assumptions=Assumptions(listing_seconds=1))
    session.begin()
    session.step(PageRead("s-1", []), seconds=1)
    session.actions.clear()
    for _ in range(5):
        session.step(failure, seconds=3)
    session.step(success)
    assert session.logged() == said


def test_the_wait_between_calls_grows_during_an_outage() -> None:
    session = Session(assumptions=Assumptions(first_retry_seconds=1, longest_outage_wait_seconds=3))
    session.step()
    waits: list[float] = []
    for _ in range(4):
        session.step(ListingFailed("no"))
        due = session.delivery.next_time()
        assert due is not None
        waits.append(due - session.now)
        session.step(seconds=due - session.now)
    assert waits == [1, 2, 3, 3]


def test_an_invocation_that_is_not_admitted_is_logged_once() -> None:
    session = Session()
    session.begin()
    session.deliver(THROTTLED)
    for _ in range(3):
        session.step(seconds=10)
        session.step(Invoked("s-1", 0, THROTTLED))
    session.step(seconds=10)
    session.step(Invoked("s-1", 0, SUCCESS))
    assert session.logged().count("FUNCTION NOT INVOKED:") == 1
    assert session.logged().count("FUNCTION INVOKED AGAIN:") == 1
    assert session.metrics.invocations == 1


def test_a_discarded_batch_is_settled_after_its_document_is_sent() -> None:
    session = Session()
    session.begin()
    actions = session.deliver(FAILURE, 1, 2)
    (send,) = [action for action in actions if isinstance(action, SendDocument)]
    assert numbers_of(send.discarded.records) == [1, 2]
    assert session.saved() is None
    session.step(SendAttempted("delivered"))
    assert session.saved() == Checkpoint({"s-1": ShardCheckpoint(sequence_number(2))})
    assert (session.metrics.on_failure_delivered, session.metrics.dropped) == (2, 0)


def test_delivery_continues_before_the_document_is_sent() -> None:
    session = Session()
    session.begin()
    session.deliver(FAILURE)
    session.step(seconds=1)
    (invoke, *_) = session.step(PageRead("s-1", example_records(2, 2)))
    assert isinstance(invoke, Invoke)


def test_records_whose_document_is_refused_are_dropped_and_logged() -> None:
    session = Session()
    session.begin()
    session.deliver(FAILURE, 1, 2)
    session.step(SendAttempted("refused", "AccessDenied"))
    assert session.metrics.dropped == 2
    assert "RECORDS DROPPED:" in session.logged()
    assert session.saved() == Checkpoint({"s-1": ShardCheckpoint(sequence_number(2))})


def test_the_checkpoint_waits_while_the_destination_is_unreachable() -> None:
    session = Session()
    session.begin()
    session.deliver(FAILURE)
    for _ in range(3):
        session.step(SendAttempted("unreachable", "refused"))
        assert any(isinstance(action, SendDocument) for action in session.step(seconds=5))
    assert session.saved() is None
    session.step(SendAttempted("delivered"))
    assert session.saved() is not None
    assert session.logged().count("DESTINATION OUT OF REACH:") == 1
    assert session.logged().count("DESTINATION IN REACH AGAIN:") == 1


def test_records_are_dropped_for_an_unreachable_destination_if_assumed() -> None:
    session = Session(assumptions=Assumptions(unreachable_destination="drop"))
    session.begin()
    session.deliver(FAILURE)
    session.step(SendAttempted("unreachable", "refused"))
    assert session.metrics.dropped == 1


def test_records_without_a_destination_are_dropped_and_logged() -> None:
    session = Session(destination_arn=None)
    session.begin()
    session.deliver(FAILURE)
    assert session.metrics.dropped == 1
    assert "RECORDS DROPPED:" in session.logged()
    assert session.saved() is not None


def test_records_trimmed_while_they_are_retried_are_dropped_and_logged() -> None:
    session = Session(maximum_retry_attempts=-1)
    session.begin()
    session.deliver(FAILURE)
    session.step(seconds=90_000)
    assert session.metrics.dropped == 1
    assert "RECORDS DROPPED:" in session.logged()


def test_documents_are_sent_one_after_the_other() -> None:
    session = Session(batch_size=1)
    session.begin()
    session.step(PageRead("s-1", example_records(1, 2)))
    first = session.step(Invoked("s-1", 0, FAILURE))
    second = session.step(Invoked("s-1", 0, FAILURE))
    sent = [action.discarded for action in [*first, *second] if isinstance(action, SendDocument)]
    assert [numbers_of(discard.records) for discard in sent] == [[1]]
    after = session.step(SendAttempted("delivered"))
    assert [numbers_of(action.discarded.records) for action in after if isinstance(action, SendDocument)] == [[2]]


def test_metrics_count_records() -> None:
    session = Session(maximum_retry_attempts=1)
    session.begin()
    session.deliver(FAILURE, 1, 3)
    session.step(seconds=1)
    session.step(Invoked("s-1", 0, SUCCESS))
    metrics = session.metrics
    assert (metrics.polled, metrics.invoked, metrics.failed, metrics.invocations) == (3, 6, 3, 2)
    assert metrics.iterator_age_seconds == 1


def test_an_outcome_without_an_invocation_is_an_error() -> None:
    session = Session()
    session.begin()
    with pytest.raises(RuntimeError, match="nothing is in flight"):
        session.step(Invoked("s-1", 0, SUCCESS))
