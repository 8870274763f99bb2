"""After an erasure nothing of the person is in the stack, and everybody else's data is as it was.

The histories are random, the process is killed at any step, and records of the person arrive after
the erasure: by the stream, by a replay, with a restored table.
"""

from collections.abc import Mapping
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from functions.activity.closing_item import CLOSING_CHANGE_ID
from functions.activity.items import activity_entry
from functions.runtime.json_log import json_line
from ops.job import Job
from ops.person.erase import Erasure, ErasureReport
from tests.support.ops.declared_consumers import WELCOME, declared
from tests.support.ops.ops_in_memory import LONGEST_TIMEOUT, OPERATOR, StackInMemory
from tests.support.ops.planted_data import PlantedData, marks_in
from tests.support.ops.queue_in_memory import KilledError

PERSON = "eve"
PEOPLE = (PERSON, "adam", "mark", '{"userId": "eve"}')
"""The last is an imported user's id that looks like a record of another user."""
POINTERS = ("pointer", "pointer in the redrive queue")
KINDS = sorted(PlantedData(StackInMemory()).kinds)

Histories = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(PEOPLE)), max_size=25)


def held_by(stack: StackInMemory) -> dict[str, str]:
    """Return all that the services hold, as text, but for the streams: nobody can delete there."""
    queues = [stack.queue, stack.failures, stack.redriven, *stack.queues.values()]
    return {
        "users": json_line(stack.user_table.items),
        "keys": json_line(stack.keys),
        "activity": json_line([[*key, item] for key, item in stack.table.items.items()]),
        "objects": json_line([stack.store.objects, [[*one, text] for one, text in stack.store.older.items()]]),
        **{queue.name: "\n".join(bodies) for queue in queues if (bodies := queue.bodies())},
    }


def erase(stack: StackInMemory, user_id: str = PERSON) -> ErasureReport:
    return Erasure(stack, user_id, Job(now=stack.clock.now, sleep=stack.clock.pass_by)).run()


def erase_with_kills(stack: StackInMemory, kills: list[int]) -> ErasureReport:
    for steps in kills:
        stack.restart(steps)
        with suppress(KilledError):
            erase(stack)
        stack.restart()
        stack.clock.pass_by(1)
    return erase(stack)


def marks_of(planted: PlantedData, user_id: str) -> set[str]:
    return planted.of.get(user_id, set())


def assert_only_others(stack: StackInMemory, planted: PlantedData, expected: Mapping[str, set[str]]) -> None:
    held = marks_in(held_by(stack))
    assert not held & marks_of(planted, PERSON)
    for user_id, marks in expected.items():
        assert held & marks_of(planted, user_id) == marks, user_id


@given(history=Histories, kills=st.lists(st.integers(0, 120), max_size=4), later=Histories)
def test_an_erased_person_is_nowhere_and_others_are_as_they_were(
    history: list[tuple[str, str]], kills: list[int], later: list[tuple[str, str]]
) -> None:
    with declared(WELCOME):
        stack = StackInMemory()
        planted = PlantedData(stack)
        for kind, user_id in history:
            planted.kinds[kind](user_id)
        expected = {one: marks_in(held_by(stack)) & marks_of(planted, one) for one in PEOPLE if one != PERSON}

        report = erase_with_kills(stack, kills)

        assert report.complete, report
        assert_only_others(stack, planted, expected)
        closing = stack.table.items[PERSON, CLOSING_CHANGE_ID]
        assert activity_entry(closing) == {
            "changeId": CLOSING_CHANGE_ID,
            "kind": "ERASED",
            "occurredAt": report.erased_at,
            "actor": OPERATOR,
            "changes": {},
        }

        # A table is restored, a backup of a queue put back: the same command erases it all again.
        for kind, user_id in later:
            planted.kinds[kind](user_id)
        expected = {one: marks_in(held_by(stack)) & marks_of(planted, one) for one in PEOPLE if one != PERSON}
        again = erase_with_kills(stack, kills)
        assert again.complete
        assert again.erased_at == report.erased_at
        assert_only_others(stack, planted, expected)


@given(history=Histories)
def test_a_dry_run_counts_what_an_erasure_removes_and_changes_nothing(history: list[tuple[str, str]]) -> None:
    with declared(WELCOME):
        stack = StackInMemory()
        planted = PlantedData(stack)
        for kind, user_id in history:
            planted.kinds[kind](user_id)
        before = held_by(stack)
        job = Job(now=stack.clock.now, sleep=stack.clock.pass_by)

        counted = {one.resource: one.removed for one in Erasure(stack, PERSON, job).dry_run().places}

        assert held_by(stack) == before
        removed = {one.resource: one.removed for one in erase(stack).places}
        in_the_stream = [user for kind, user in history if kind in POINTERS]
        if PERSON not in in_the_stream:
            assert counted == removed
            assert not any(one.removed for one in Erasure(stack, PERSON, job).dry_run().places)


def test_each_place_is_emptied() -> None:
    with declared(WELCOME):
        stack = StackInMemory()
        planted = PlantedData(stack)
        for plant in planted.kinds.values():
            plant(PERSON)

        removed = {one.place: one.removed for one in erase(stack).places if one.removed}

        assert set(removed) == {
            "users",
            "user-keys",
            "activity",
            "failure-queue",
            "dead-letter-queue",
            "large-records",
            "consumer-queue",
            "consumer-failure-queue",
        }


def test_values_are_removed_only_when_no_invocation_from_before_the_marker_runs() -> None:
    stack = StackInMemory()
    planted = PlantedData(stack)
    planted.log_change(PERSON)
    begun = stack.clock.now()
    seen: list[tuple[float, bool]] = []

    def sleep(seconds: float) -> None:
        seen.append((stack.clock.now() - begun, (PERSON, CLOSING_CHANGE_ID) in stack.table.items))
        assert marks_of(planted, PERSON) <= marks_in(held_by(stack))
        stack.clock.pass_by(seconds)

    Erasure(stack, PERSON, Job(now=stack.clock.now, sleep=sleep)).run()

    assert stack.clock.now() - begun >= LONGEST_TIMEOUT
    assert all(marked for _, marked in seen)
    assert not marks_of(planted, PERSON) & marks_in(held_by(stack))
