"""Properties of the delivery under any records, settings and faults."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from delivery.assumptions import Assumptions
from tests.support.delivery.delivery_faults import (
    INVOCATION_FAULTS,
    SENDING_FAULTS,
    InvocationFault,
    NoFaults,
    SendingFault,
)
from tests.support.delivery.delivery_tally import replay_dead_letters, tally, undisturbed_activity
from tests.support.delivery.virtual_changes import Nature, Written, small_change
from tests.support.delivery.virtual_delivery import VirtualDelivery, mapping_settings
from tests.support.records.record_strategies import USER_IDS


class DrawnFaults(NoFaults):
    """The faults that Hypothesis draws; after them every call succeeds."""

    def __init__(self, data: st.DataObject) -> None:
        self._invocations = data.draw(st.lists(st.none() | st.sampled_from(INVOCATION_FAULTS), max_size=15))
        self._sendings = data.draw(st.lists(st.none() | st.sampled_from(SENDING_FAULTS), max_size=5))
        self._readings = data.draw(st.lists(st.booleans(), max_size=5))
        self._rooms = data.draw(st.lists(st.integers(0, 5), max_size=5))
        self._seconds = data.draw(st.lists(st.sampled_from([0.0, 0.01, 1.0, 30.0]), max_size=20))

    def invocation(self) -> InvocationFault | None:
        return self._invocations.pop() if self._invocations else None

    def sending(self) -> SendingFault | None:
        return self._sendings.pop() if self._sendings else None

    def reading_fails(self) -> bool:
        return bool(self._readings) and self._readings.pop()

    def seconds(self) -> float:
        return self._seconds.pop() if self._seconds else 0.01

    def room(self) -> int:
        return self._rooms.pop() if self._rooms else 0


@st.composite
def settings_changes(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "batch_size": draw(st.integers(1, 8)),
        "window_seconds": draw(st.sampled_from([0, 0, 5])),
        "parallelization_factor": draw(st.integers(1, 3)),
        "maximum_retry_attempts": draw(st.sampled_from([0, 1, 2, 5])),
        "bisect": draw(st.booleans()),
    }


@st.composite
def assumptions(draw: st.DrawFn) -> Assumptions:
    """Return each way in which AWS may behave where it documents nothing."""
    return Assumptions(
        window_from_first_record=draw(st.booleans()),
        stalled_lane_stalls_shard=draw(st.booleans()),
        split_on_first_record=draw(st.sampled_from(["half", "isolate"])),
        invalid_identifier=draw(st.sampled_from(["fails", "ignored"])),
        expires_at_limit=draw(st.booleans()),
        fresh_quota_after_expiry=draw(st.booleans()),
        read_ahead_records=draw(st.sampled_from([1, 5, 2000])),
    )


def changes(
    *, min_size: int = 0, max_size: int = 16, natures: tuple[Nature, ...] = ("good",)
) -> st.SearchStrategy[list[Written]]:
    """Return small changes of a few users, some of which can't be processed."""
    choices = st.tuples(st.sampled_from(USER_IDS), st.sampled_from(natures))
    return st.lists(choices, min_size=min_size, max_size=max_size).map(_written)


def _written(choices: Sequence[tuple[str, Nature]]) -> list[Written]:
    return [small_change(at, user_id, nature) for at, (user_id, nature) in enumerate(choices)]


SOME_BAD: tuple[Nature, ...] = ("good", "good", "good", "good", "unsupported", "crashing")


@given(st.data(), changes(natures=SOME_BAD), settings_changes(), assumptions())
def test_every_change_ends_in_activity_or_whole_in_the_dead_letter_queue(
    data: st.DataObject, written: list[Written], mapping: dict[str, Any], chosen: Assumptions
) -> None:
    world = VirtualDelivery(mapping_settings(**mapping), DrawnFaults(data), assumptions=chosen)
    for change in written:
        world.write(*change)
        if data.draw(st.integers(0, 5)) == 0:
            world.run(data.draw(st.sampled_from([0.1, 10.0, 600.0])))
        if data.draw(st.integers(0, 9)) == 0:
            world.crash()
    world.run_until_settled()
    world.rescue()
    world.rescue()

    account = tally(world)
    assert not account.lost
    assert not account.doubled
    replay_dead_letters(world)
    assert world.activity.items == undisturbed_activity(world).items


@given(st.data(), changes(natures=("good", "crashing")), settings_changes(), assumptions())
def test_nothing_before_the_checkpoint_is_unsettled(
    data: st.DataObject, written: list[Written], mapping: dict[str, Any], chosen: Assumptions
) -> None:
    """At any moment a change is processed, in a failure document, or still to be delivered."""
    world = VirtualDelivery(mapping_settings(**mapping), DrawnFaults(data), assumptions=chosen)
    for change in written:
        world.write(*change)
        world.run(data.draw(st.sampled_from([0.0, 0.01, 0.5, 30.0])))
        world.check_checkpoint()


@given(st.data(), changes(min_size=1, natures=("good", "crashing")), settings_changes())
def test_no_batch_is_tried_more_often_than_allowed(
    data: st.DataObject, written: list[Written], mapping: dict[str, Any]
) -> None:
    world = VirtualDelivery(mapping_settings(**mapping), DrawnFaults(data))
    for change in written:
        world.write(*change)
    world.run_until_settled()
    tried = Counter(delivered.numbers for delivered in world.invocations if delivered.fault != "answer lost")
    assert max(tried.values(), default=0) <= mapping["maximum_retry_attempts"] + 1


@given(changes(min_size=1, natures=("good", "unsupported")), settings_changes())
def test_an_unsupported_record_costs_no_further_invocation(written: list[Written], mapping: dict[str, Any]) -> None:
    world = VirtualDelivery(mapping_settings(**mapping), NoFaults())
    for change in written:
        world.write(*change)
    world.run_until_settled()
    times = Counter(number for delivered in world.invocations for number in delivered.numbers)
    assert set(times.values()) == {1}
    assert world.metrics.failed == 0
    assert not world.failure_queue


@given(st.integers(1, 200), st.data(), st.integers(0, 4), st.sampled_from(["half", "isolate"]))
def test_a_crashing_record_is_isolated(size: int, data: st.DataObject, retries: int, split: Any) -> None:
    bad = data.draw(st.integers(0, size - 1))
    mapping = mapping_settings(batch_size=size, parallelization_factor=1, maximum_retry_attempts=retries)
    world = VirtualDelivery(mapping, NoFaults(), assumptions=Assumptions(split_on_first_record=split))
    for at in range(size):
        world.write(*small_change(at, f"user-{at}", "crashing" if at == bad else "good"))
    world.run_until_settled()
    world.rescue()

    assert len(world.invocations) <= 2 * math.ceil(math.log2(size)) + 1 + retries
    account = tally(world)
    assert len(account.kept) == size - 1
    assert len(account.dead_lettered) == 1
    (envelope,) = world.dead_letters.sent
    assert (envelope.kind, envelope.attempts) == ("exhausted", retries + 1)


@given(st.data(), changes(max_size=10), st.integers(1, 3))
def test_an_expired_change_is_dead_lettered_without_an_invocation(
    data: st.DataObject, written: list[Written], lanes: int
) -> None:
    """Changes written long before the poller starts are expired, and later ones are not."""
    old = data.draw(st.integers(0, len(written)))
    mapping = mapping_settings(maximum_record_age_seconds=60, parallelization_factor=lanes)
    world = VirtualDelivery(mapping, NoFaults())
    for change in written[:old]:
        world.write(*change)
    world.now += 70
    for change in written[old:]:
        world.write(*change)
    world.run_until_settled()
    world.rescue()
    account = tally(world)
    assert len(account.dead_lettered | account.in_both) >= old
    assert len(account.kept | account.in_both) == len(written) - old
    assert all(envelope.kind == "expired" for envelope in world.dead_letters.sent)
    assert sum(len(delivered.numbers) for delivered in world.invocations) == len(written) - old


@given(changes(), st.integers(1, 8), st.integers(1, 3))
def test_without_faults_each_change_is_delivered_once(written: list[Written], batch_size: int, lanes: int) -> None:
    mapping = mapping_settings(batch_size=batch_size, parallelization_factor=lanes)
    world = VirtualDelivery(mapping, NoFaults())
    for change in written:
        world.write(*change)
    world.run_until_settled()
    times = Counter(number for delivered in world.invocations for number in delivered.numbers)
    assert times == dict.fromkeys(world.changes, 1)
    assert all(len(delivered.numbers) <= batch_size for delivered in world.invocations)


@given(changes(min_size=1), st.integers(1, 3))
def test_a_crash_redelivers_only_records_after_the_checkpoint(written: list[Written], lanes: int) -> None:
    world = VirtualDelivery(mapping_settings(parallelization_factor=lanes), NoFaults())
    for change in written:
        world.write(*change)
    world.run_until_settled()
    before = len(world.invocations)
    world.crash()
    world.run(60)
    assert len(world.invocations) == before


@given(changes(min_size=2), st.data())
def test_children_wait_for_their_parents(written: list[Written], data: st.DataObject) -> None:
    """Order per user holds across shards that split; `VirtualDelivery` checks each effect."""
    world = VirtualDelivery(mapping_settings(), DrawnFaults(data), roots=data.draw(st.integers(1, 2)))
    for change in written:
        world.write(*change)
        if data.draw(st.booleans()):
            world.stream.roll(data.draw(st.integers(0, 1)))
        world.run(data.draw(st.sampled_from([0.0, 0.02, 5.0])))
    world.run_until_settled()
    world.rescue()
    world.rescue()
    assert not tally(world).lost
