"""Delivery in virtual time, while anything fails at any moment.

Every change ends exactly once in Activity or whole in the dead-letter queue, and the changes of one
user take effect in order.
"""

from collections import deque

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from delivery.assumptions import Assumptions
from tests.conftest import IN_CI
from tests.support.delivery.delivery_faults import (
    INVOCATION_FAULTS,
    SENDING_FAULTS,
    InvocationFault,
    NoFaults,
    SendingFault,
)
from tests.support.delivery.delivery_tally import replay_dead_letters, tally, undisturbed_activity
from tests.support.delivery.virtual_changes import Nature, small_change
from tests.support.delivery.virtual_delivery import VirtualDelivery, mapping_settings
from tests.support.records.record_strategies import USER_IDS

NATURES: tuple[Nature, ...] = ("good", "good", "good", "unsupported", "crashing")


class ComingFaults(NoFaults):
    """The faults that the rules have asked for."""

    def __init__(self) -> None:
        self.invocations: deque[InvocationFault] = deque()
        self.sendings: deque[SendingFault] = deque()
        self.failing_reads = 0
        self.slow_calls: deque[float] = deque()
        self.rooms: deque[int] = deque()

    def invocation(self) -> InvocationFault | None:
        return self.invocations.popleft() if self.invocations else None

    def sending(self) -> SendingFault | None:
        return self.sendings.popleft() if self.sendings else None

    def reading_fails(self) -> bool:
        self.failing_reads = max(self.failing_reads - 1, -1)
        return self.failing_reads >= 0

    def seconds(self) -> float:
        return self.slow_calls.popleft() if self.slow_calls else 0.01

    def room(self) -> int:
        return self.rooms.popleft() if self.rooms else 0


class DeliveryMachine(RuleBasedStateMachine):
    """Writes changes, injects faults, lets time pass; at the end every change is accounted for."""

    @initialize(
        batch_size=st.integers(1, 6),
        window=st.sampled_from([0, 0, 3]),
        lanes=st.integers(1, 3),
        retries=st.sampled_from([0, 1, 2]),
        bisect=st.booleans(),
        roots=st.integers(1, 2),
        idle_polls=st.sampled_from([None, 0.01]),
    )
    def begin(  # noqa: PLR0913  each is one setting
        self,
        batch_size: int,
        window: int,
        lanes: int,
        retries: int,
        *,
        bisect: bool,
        roots: int,
        idle_polls: float | None = None,
    ) -> None:
        self.faults = ComingFaults()
        mapping = mapping_settings(
            batch_size=batch_size,
            window_seconds=window,
            parallelization_factor=lanes,
            maximum_retry_attempts=retries,
            bisect=bisect,
        )
        # Polled less often than by AWS: hours pass here, and each poll costs the test time.
        assumptions = Assumptions(
            polls_per_second=0.5, idle_polls_per_second=idle_polls, idle_seconds=0.0, listing_seconds=60
        )
        self.world = VirtualDelivery(mapping, self.faults, assumptions=assumptions, roots=roots)

    @rule(changes=st.lists(st.tuples(st.sampled_from(USER_IDS), st.sampled_from(NATURES)), min_size=1, max_size=8))
    def write(self, changes: list[tuple[str, Nature]]) -> None:
        for user_id, nature in changes:
            self.world.write(*small_change(len(self.world.changes), user_id, nature))

    @rule()
    def tell_written(self) -> None:
        self.world.tell_written()

    @rule(faults=st.lists(st.sampled_from(INVOCATION_FAULTS), min_size=1, max_size=4), room=st.integers(0, 4))
    def function_will_fail(self, faults: list[InvocationFault], room: int) -> None:
        self.faults.invocations.extend(faults)
        self.faults.rooms.append(room)

    @rule(faults=st.lists(st.sampled_from(SENDING_FAULTS), min_size=1, max_size=3))
    def failure_queue_goes_down(self, faults: list[SendingFault]) -> None:
        self.faults.sendings.extend(faults)

    @rule(times=st.integers(1, 4))
    def stream_goes_out_of_reach(self, times: int) -> None:
        self.faults.failing_reads = times

    @rule(seconds=st.lists(st.sampled_from([0.0, 0.5, 20.0, 900.0]), min_size=1, max_size=4))
    def calls_will_be_slow(self, seconds: list[float]) -> None:
        self.faults.slow_calls.extend(seconds)

    @rule(place=st.integers(0, 1))
    def shard_rolls_over(self, place: int) -> None:
        self.world.stream.roll(place)

    @rule(seconds=st.sampled_from([0.0, 0.02, 0.3, 5.0, 120.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(seconds=st.sampled_from([0.0, 0.02, 0.3]))
    def poller_is_killed(self, seconds: float) -> None:
        self.world.run(seconds)
        self.world.crash()

    @rule(room=st.none() | st.integers(0, 2), interruptions=st.integers(0, 1))
    def rescue_comes_by(self, room: int | None, interruptions: int) -> None:
        self.world.dead_letters.room_for = room
        self.world.reader.interruptions = interruptions
        self.world.rescue()
        self.world.dead_letters.room_for = None
        self.world.reader.interruptions = 0

    @invariant()
    def nothing_behind_the_checkpoint_is_unsettled(self) -> None:
        if hasattr(self, "world"):
            self.world.check_checkpoint()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.run_until_settled()
        self.world.rescue()
        assert not self.world.failure_queue
        counted, logged = self.world.counts, self.world.metrics
        assert (counted.polled, counted.invoked, counted.failed) == (logged.polled, logged.invoked, logged.failed)
        assert (counted.dropped, counted.on_failure_delivered) == (logged.dropped, logged.on_failure_delivered)
        assert counted.filtered_out == counted.deleted == 0
        account = tally(self.world)
        assert not account.lost
        assert not account.doubled
        unsupported = {number for number, change in self.world.changes.items() if change.nature == "unsupported"}
        assert unsupported <= account.dead_lettered
        replay_dead_letters(self.world)
        assert self.world.activity.items == undisturbed_activity(self.world).items


TestDelivery = DeliveryMachine.TestCase
TestDelivery.settings = settings(stateful_step_count=30, max_examples=100 if IN_CI else 40, deadline=None)


def test_a_call_in_flight_outlives_the_poller_that_gave_up_the_batch_before() -> None:
    # Shrunk: when the poller was killed, its document was not sent and its next call was under way.
    machine = DeliveryMachine()
    machine.begin(batch_size=6, window=0, lanes=1, retries=0, bisect=False, roots=1)
    machine.calls_will_be_slow([0.0])
    machine.write([("user-a", "good")] * 5 + [("user-a", "crashing"), ("user-a", "good")])
    machine.poller_is_killed(0.02)
    machine.teardown()
