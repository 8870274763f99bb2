"""A replay killed at any step and run again loses nothing, doubles nothing and keeps the order.

That holds for each of two consumers: one whose item in Activity is the proof, and one whose
response is. What a kill makes the second get twice, its queue might have delivered twice.
"""

import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from functions.activity.items import activity_item
from functions.runtime.json_log import JsonObject
from functions.stream_records.user_change import parse_user_change
from ops.aws.function import message_id_of, sequence_number_of
from ops.aws.queues import MESSAGES_PER_CALL
from ops.aws.tables import ActivityKey
from ops.dead_letters.peek import Peek
from ops.dead_letters.record import ReplayableChange
from ops.dead_letters.replay import VISIBILITY_TIMEOUT, Replay
from ops.dead_letters.replay_db import ReplayDb
from ops.dead_letters.selection import Selection
from ops.errors import OpsError
from ops.job import Job
from tests.support.ops.declared_consumers import WELCOME, declared, queue_record, received_again
from tests.support.ops.ops_in_memory import StackInMemory, activity_key
from tests.support.ops.queue_in_memory import KilledError
from tests.support.records.record_processing_fakes import RETENTION_DAYS
from tests.support.records.record_strategies import histories, stream_record

STEPS = st.none() | st.integers(0, 300)
"""After how many steps a process is killed, if at all."""

NAMES = [f"message-{position}" for position in range(14)]
"""Of the second consumer's messages."""

TROUBLES = st.lists(st.sampled_from(["none", "none", "busy", "crash", "late", "throttle"]), max_size=6)


@pytest.fixture(autouse=True)
def welcome_new_users() -> Generator[None]:
    with declared(WELCOME):
        yield


class ReplayMachine(RuleBasedStateMachine):
    """Some changes of a history fail, the others are in Activity; then operators replay letters."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="replay-")
        self.failed: dict[ActivityKey, JsonObject] = {}
        self.expected: dict[ActivityKey, JsonObject] = {}
        self.unwelcomed: set[str] = set()

    @initialize(records=histories(min_size=1, max_size=14), data=st.data(), seed=st.integers(0, 2**32))
    def history(self, records: list[JsonObject], data: st.DataObject, seed: int) -> None:
        self.stack = StackInMemory(random.Random(seed))  # noqa: S311  a test's dice
        self.expected = {
            activity_key(record): activity_item(parse_user_change(record), RETENTION_DAYS) for record in records
        }
        for record in records:
            if data.draw(st.booleans()):
                self.stack.function.invoke([record])
                continue
            self.failed[activity_key(record)] = record
            for _ in range(data.draw(st.sampled_from([1, 1, 1, 2, 3]))):
                self.stack.fail(record, data.draw(st.sampled_from(["permanent", "exhausted", "expired"])))
        self.stack.function.invocations.clear()
        self.welcome = self.stack.answering_function(WELCOME)
        for position, record in enumerate(records):
            if data.draw(st.booleans()):
                welcomed = queue_record(position, activity_key(record).user_id)
                self.unwelcomed.add(message_id_of(welcomed))
                for _ in range(data.draw(st.sampled_from([1, 1, 2]))):
                    self.stack.fail_in(WELCOME, data.draw(st.sampled_from([welcomed, received_again(welcomed)])))

    @rule(data=st.data())
    def break_the_function_for_some_records(self, data: st.DataObject) -> None:
        numbers = sorted(sequence_number_of(record) for record in self.failed.values())
        some = st.sets(st.sampled_from(numbers), max_size=3) if numbers else st.just(set[str]())
        self.stack.function.crashing = data.draw(some)
        self.stack.table.refused = frozenset(data.draw(some))

    @rule(
        refusing=st.sets(st.sampled_from(NAMES), max_size=2),
        failing=st.sets(st.sampled_from(NAMES), max_size=2),
        crashing=st.sets(st.sampled_from(NAMES), max_size=2),
    )
    def break_the_second_consumer(self, refusing: set[str], failing: set[str], crashing: set[str]) -> None:
        self.welcome.refusing = dict.fromkeys(refusing, "never")
        self.welcome.failing, self.welcome.crashing = failing, crashing

    @rule(seconds=st.sampled_from([1, 30, VISIBILITY_TIMEOUT + 1]))
    def time_passes(self, seconds: int) -> None:
        self.stack.clock.pass_by(seconds)

    @rule(steps=STEPS)
    def somebody_peeks(self, steps: int | None) -> None:
        self.stack.restart(steps)
        try:
            with Peek(self.stack.queue, lambda: False, visibility_timeout=60, now=self.stack.clock.now) as peek:
                list(peek.messages())
        except KilledError:
            pass
        self.stack.restart()

    @rule(
        steps=STEPS,
        troubles=TROUBLES,
        welcome_troubles=TROUBLES,
        batch_size=st.integers(1, 6),
        stop_after=st.none() | st.integers(0, 8),
        data=st.data(),
    )
    def replay(  # noqa: PLR0913 - one for each that is drawn
        self,
        *,
        steps: int | None,
        troubles: list[str],
        welcome_troubles: list[str],
        batch_size: int,
        stop_after: int | None,
        data: st.DataObject,
    ) -> None:
        self.welcome.troubles = list(welcome_troubles)
        chosen = data.draw(st.sets(st.sampled_from(["user-a", "user-b"]), max_size=1))
        self.run_replay(steps, troubles, batch_size, stop_after, frozenset(chosen))

    def run_replay(
        self,
        steps: int | None = None,
        troubles: list[str] | None = None,
        batch_size: int = 3,
        stop_after: int | None = None,
        users: frozenset[str] = frozenset(),
    ) -> None:
        function = self.stack.function
        function.invocations.clear()
        self.welcome.invocations.clear()
        function.troubles = list(troubles or ())
        all_visible = self.stack.queue.visible() == len(self.stack.queue.bodies())
        selection = Selection.of((), tuple(f"user={user}" for user in users), everything=not users)
        self.stack.restart(steps)
        replay_db = ReplayDb(Path(self.folder.name, "replay.sqlite"))
        work = Job(
            stop_requested=lambda: (
                stop_after is not None and len(function.invocations) + len(self.welcome.invocations) >= stop_after
            ),
            now=self.stack.clock.now,
            sleep=self.stack.clock.pass_by,
        )
        try:
            report = Replay(self.stack, selection, replay_db, work, batch_size=batch_size).run()
            assert report.error is None or isinstance(report.error, OpsError)
        except KilledError:
            pass
        finally:
            replay_db.close()
            self.stack.restart()
        if all_visible:
            self.check_order(activity_key(record) for batch in function.invocations for record in batch)
            self.check_order(place_of(record) for batch in self.welcome.invocations for record in batch)

    def check_order(self, places: Iterable[ActivityKey]) -> None:
        """When a change is first sent, all earlier chosen changes of its user have been sent."""
        sent: dict[str, list[str]] = defaultdict(list)
        for user_id, change_id in places:
            if change_id not in sent[user_id]:
                sent[user_id].append(change_id)
        for changes in sent.values():
            assert changes == sorted(changes)

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "stack"):
            return
        records = [json.loads(body)["record"] for body in self.stack.queue.bodies()]
        waiting = {activity_key(record) for record in records if "dynamodb" in record}
        assert set(self.failed) <= waiting | set(self.stack.table.items)
        assert self.unwelcomed <= {record.get("messageId") for record in records} | set(self.welcome.handled)

    @invariant()
    def nothing_is_doubled_or_changed(self) -> None:
        if not hasattr(self, "stack"):
            return
        for key, item in self.stack.table.items.items():
            assert item == self.expected[ActivityKey(*key)]
        assert set(self.welcome.handled) <= self.unwelcomed

    @rule()
    def all_is_well_in_the_end(self) -> None:
        """The fix is out, and nobody disturbs: one replay brings everything back."""
        self.stack.function.crashing = set()
        self.stack.table.refused = frozenset()
        self.break_the_second_consumer(set(), set(), set())
        self.welcome.troubles = []
        self.stack.clock.pass_by(VISIBILITY_TIMEOUT + 1)
        self.run_replay()
        assert self.stack.queue.bodies() == []
        assert self.stack.table.items == self.expected
        assert set(self.welcome.handled) == self.unwelcomed

    def teardown(self) -> None:
        try:
            if hasattr(self, "stack"):
                self.all_is_well_in_the_end()
        finally:
            self.folder.cleanup()


def place_of(record: JsonObject) -> ActivityKey:
    change = ReplayableChange.of(record, WELCOME)
    assert change is not None
    return ActivityKey(change.user_id, change.change_id)


TestReplayKilled = ReplayMachine.TestCase
TestReplayKilled.settings = settings(stateful_step_count=12)


def test_a_replay_killed_at_each_step_is_completed_by_the_next(tmp_path: Path) -> None:
    """Only the messages of the call that the kill interrupted stay invisible to the second run."""
    steps = 0
    while True:
        stack = StackInMemory(random.Random(steps))  # noqa: S311  a test's dice
        for position in range(12):
            stack.fail(stream_record("INSERT", position, f"user-{position % 3}", None, {"userId": {"S": "x"}}))
            stack.fail_in(WELCOME, queue_record(position, f"user-{position % 3}"))
        path = tmp_path / f"{steps}.sqlite"
        killed = replay_once(stack, path, steps)
        replay_once(stack, path, None)
        assert len(stack.queue.bodies()) <= MESSAGES_PER_CALL
        stack.clock.pass_by(VISIBILITY_TIMEOUT + 1)
        replay_once(stack, path, None)
        assert stack.queue.bodies() == []
        assert len(stack.table.items) == 12
        handled = stack.answering_function(WELCOME).handled
        assert len(handled) == 12
        # Only what the killed call had in hand may come a second time, as from a queue.
        assert sum(handled.values()) <= 12 + killed * 5
        if not killed:
            break
        steps += 1
    assert steps > 50


def replay_once(stack: StackInMemory, path: Path, steps: int | None) -> bool:
    """Run a replay in batches of five, and say whether it was killed."""
    stack.restart(steps)
    replay_db = ReplayDb(path)
    work = Job(now=stack.clock.now, sleep=stack.clock.pass_by)
    try:
        Replay(stack, Selection(), replay_db, work, batch_size=5).run()
    except KilledError:
        return True
    finally:
        replay_db.close()
        stack.restart()
    return False
