"""Delivery of a queue in virtual time, while anything fails at any moment.

Every message that the filters let through is processed at least once, no other is deleted, messages
of one group take effect in order, and a killed poller's messages come back at once.
"""

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from delivery.assumptions import Assumptions
from tests.conftest import IN_CI
from tests.support.delivery.virtual_queue import (
    LONG_POLL_SECONDS,
    VISIBILITY_SECONDS,
    VirtualQueueDelivery,
    queue_settings,
)

OUTCOMES = ("raises", "throttled", "fails all", "fails some", "slow", "answer lost", "")
GROUPS = ("a", "b", "c")
WANTED, UNWANTED = '{"kind": "wanted"}', '{"kind": "unwanted"}'
FILTERS = ('{"body": {"kind": ["wanted"]}}',)


def first_times(processed: list[str]) -> list[str]:
    """Return each id where it occurs first."""
    return list(dict.fromkeys(processed))


class QueueDeliveryMachine(RuleBasedStateMachine):
    """Sends messages, injects faults, kills the poller; at the end each is accounted for."""

    @initialize(
        fifo=st.booleans(),
        batch_size=st.integers(1, 10),
        concurrency=st.integers(2, 4),
        window=st.booleans(),
        payload_bytes=st.sampled_from([100, 1_000, 6_000_000]),
    )
    def begin(self, *, fifo: bool, batch_size: int, concurrency: int, window: bool, payload_bytes: int) -> None:
        self.settings = queue_settings(
            fifo=fifo,
            batch_size=batch_size,
            maximum_concurrency=concurrency,
            window_seconds=2 if window and not fifo else 0,
            filters=FILTERS,
        )
        self.world = VirtualQueueDelivery(self.settings, Assumptions(payload_bytes=payload_bytes))
        self.sent: dict[str, list[str]] = {group: [] for group in GROUPS}
        self.unwanted: set[str] = set()

    @rule(sent=st.lists(st.tuples(st.sampled_from(GROUPS), st.booleans()), min_size=1, max_size=15))
    def send(self, sent: list[tuple[str, bool]]) -> None:
        for group, wanted in sent:
            message_id = self.world.send(WANTED if wanted else UNWANTED, group)
            if wanted:
                self.sent[group].append(message_id)
            else:
                self.unwanted.add(message_id)

    @rule(outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4))
    def function_will(self, outcomes: list[str]) -> None:
        self.world.coming.outcomes += outcomes

    @rule(times=st.integers(1, 4))
    def queue_goes_out_of_reach(self, times: int) -> None:
        self.world.coming.failing_calls = times

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.05, 1.0, 30.0, 200.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.02, 0.03, 0.05]))
    def poller_is_killed(self, seconds: float) -> None:
        self.world.run(seconds)
        self.world.crash()

    @invariant()
    def limits_hold(self) -> None:
        if hasattr(self, "world"):
            assert self.world.most_in_flight <= (self.settings.maximum_concurrency or 0)
            assert all(1 <= len(batch) <= self.settings.batch_size for batch in self.world.batches)
            assert self.unwanted.isdisjoint(self.world.delivered)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.run_until_empty()
        firsts = first_times(self.world.processed)
        assert set(firsts) == {each for sent in self.sent.values() for each in sent}
        if self.settings.is_fifo:
            for sent in self.sent.values():
                assert [each for each in firsts if each in sent] == sent


TestQueueDelivery = QueueDeliveryMachine.TestCase
TestQueueDelivery.settings = settings(stateful_step_count=30, max_examples=100 if IN_CI else 40, deadline=None)


@given(
    fifo=st.booleans(),
    kills=st.lists(st.floats(0.0, 0.2), min_size=1, max_size=4),
    sent=st.lists(st.sampled_from(GROUPS), min_size=1, max_size=40),
)
def test_what_a_killed_poller_had_in_flight_comes_again_at_once(
    fifo: bool,  # noqa: FBT001  drawn
    kills: list[float],
    sent: list[str],
) -> None:
    world = VirtualQueueDelivery(queue_settings(fifo=fifo))
    ids = [world.send(group_id=group) for group in sent]
    for seconds in kills:
        world.run(seconds)
        world.crash()
    waited = world.run_until_empty()
    # A dead poller's receive may wait in the service until its end, and what it gets is hidden for
    # a few seconds.
    assert waited < LONG_POLL_SECONDS + 2 * world.assumptions.hold_seconds < VISIBILITY_SECONDS / 6
    assert set(world.processed) == set(ids)
