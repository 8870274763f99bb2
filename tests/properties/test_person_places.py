"""The places of a person give all that a stack holds of the person, and nothing of others."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ops.job import Job
from ops.person.places import places_of
from tests.support.ops.declared_consumers import WELCOME, declared
from tests.support.ops.ops_in_memory import StackInMemory
from tests.support.ops.planted_data import PlantedData, marks_in

PEOPLE = ("eve", "adam", "mark", '{"userId": "eve"}')
"""The last is an imported user's id that looks like a record of another user."""
KINDS = sorted(PlantedData(StackInMemory()).kinds)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(PEOPLE)), max_size=25))
def test_a_person_s_places_hold_all_of_the_person_and_nothing_of_others(history: list[tuple[str, str]]) -> None:
    with declared(WELCOME):
        stack = StackInMemory()
        planted = PlantedData(stack)
        for kind, user_id in history:
            planted.kinds[kind](user_id)

        for user_id in PEOPLE:
            readings = {(place.name, place.resource): place.read(user_id, Job()) for place in places_of(stack)}

            found = [finding for reading in readings.values() for finding in reading.findings]
            assert marks_in([finding.content for finding in found]) == planted.of.get(user_id, set())
            assert len({json.dumps(finding) for finding in found}) == len(found)
            assert all(reading.unread is None for reading in readings.values())


def test_the_property_plants_data_in_each_place() -> None:
    with declared(WELCOME):
        stack = StackInMemory()
        planted = PlantedData(stack)
        for plant in planted.kinds.values():
            plant("eve")

        empty = {place.resource for place in places_of(stack) if not place.read("eve", Job()).findings}

        assert empty == {
            queue.rpartition("/")[2]
            for consumer in stack.consumers()
            if consumer.declaration is not WELCOME
            for queue in (consumer.queue_url, consumer.failure_queue_url)
            if queue
        }
