"""A consumer behind its queue, while anything fails at any moment.

Every change is handled, or whole in the dead-letter queue under its own id; a user's changes are
handled in order; and no user waits for another.
"""

from typing import get_args

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.conftest import IN_CI
from tests.support.delivery.virtual_consumer import Fault, Nature, VirtualConsumer
from tests.support.records.record_strategies import USER_IDS

WEIGHTS: dict[Nature, int] = {"good": 8, "unprocessable": 3, "broken": 3, "crashing": 1, "slow": 1}
NATURES = [nature for nature, weight in WEIGHTS.items() for _ in range(weight)]
FAULTS: tuple[Fault, ...] = get_args(Fault)
CHANGES = st.tuples(st.sampled_from(USER_IDS), st.sampled_from(NATURES), st.sampled_from([1, 1, 1, 2]))
WAITS = st.sampled_from([0, 5, 60, 180, 900])


class QueueConsumerMachine(RuleBasedStateMachine):
    """Writes changes, delivers batches, injects faults, lets time pass."""

    @initialize(maximum_receives=st.integers(1, 4), changes_per_call=st.sampled_from([1, 10]))
    def begin(self, maximum_receives: int, changes_per_call: int) -> None:
        self.world = VirtualConsumer(maximum_receives, changes_per_call)

    @rule(changes=st.lists(CHANGES, min_size=1, max_size=12))
    def write(self, changes: list[tuple[str, Nature, int]]) -> None:
        for user_id, nature, copies in changes:
            self.world.write(user_id, nature, copies)

    @precondition(lambda self: self.world.items)
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        stored = [change for change in self.world.written.values() if change.event_id not in self.world.erased]
        self.world.erase(data.draw(st.sampled_from(stored)))

    @rule(waits=st.lists(WAITS, min_size=1, max_size=4))
    def deliver(self, waits: list[int]) -> None:
        for seconds in waits:
            self.world.queue.now += seconds
            self.world.deliver()

    @rule(faults=st.lists(st.tuples(WAITS, st.sampled_from(FAULTS), st.integers(0, 3)), min_size=1, max_size=4))
    def deliver_while_something_fails(self, faults: list[tuple[int, Fault, int]]) -> None:
        for seconds, fault, at in faults:
            self.world.queue.now += seconds
            self.world.deliver(fault, at)

    @rule()
    def rescue(self) -> None:
        self.world.rescue()

    @rule()
    def repair(self) -> None:
        self.world.repair()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish()
            self.world.check()


@given(st.lists(st.sampled_from(USER_IDS), min_size=1, max_size=20), st.sampled_from(USER_IDS), st.data())
def test_who_shares_a_batch_with_a_crash_is_through_by_the_third_receive(
    users: list[str], guilty: str, data: st.DataObject
) -> None:
    world = VirtualConsumer(maximum_receives=3, changes_per_call=1)
    at = data.draw(st.integers(0, len(users)))
    for user_id in users[:at]:
        world.write(user_id, "good")
    world.write(guilty, "crashing")
    for user_id in users[at:]:
        world.write(user_id, "good")
    while world.queue.messages:
        world.deliver()
        world.queue.now += 1_000
    world.rescue()
    world.check()
    given_up = world.dead_letters.by_id()
    for change in world.written.values():
        if change.user_id != guilty:
            assert world.handled[change.event_id]
            assert change.failure_id not in given_up


QueueConsumerMachine.TestCase.settings = settings(
    max_examples=1000 if IN_CI else 300, stateful_step_count=20, deadline=None
)
TestQueueConsumer = QueueConsumerMachine.TestCase
