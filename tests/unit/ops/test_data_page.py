"""docs/data.md has a row for each place that may hold data of a person, and for no other."""

import re
from datetime import UTC, datetime

from contract.files import DATA_PAGE
from functions.users.attributes import ATTRIBUTES
from infra.outputs import NamedOutputs
from ops.person.elsewhere import elsewhere
from ops.person.places import places_of
from ops.stack_outputs import function_names
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory

PAGE = DATA_PAGE.read_text(encoding="utf-8")
HEAD = "| place | holds | how long | who can read it | how it goes |"


def rows(head: str, number: int = 0) -> list[str]:
    """Return the first cells of a table with this head."""
    table = PAGE.split(head)[number + 1].partition("\n\n")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def whole_stack() -> StackInMemory:
    """Return a stack with everything switched on that may hold data."""
    stack = StackInMemory()
    stack.outputs = OUTPUTS.model_copy(
        update={
            "user_events_bus_name": "UserEvents-test",
            "user_events_archive_name": "UserEvents-test",
            "registration_mails_queue_url": "https://sqs.example/1/RegistrationMailsQueue-test",
            "registration_mails_dead_letter_queue_url": "https://sqs.example/1/RegistrationMailsDeadLetterQueue-test",
        }
    )
    tables = (OUTPUTS.users_table_name, OUTPUTS.user_keys_table_name, OUTPUTS.activity_table_name)
    groups = [f"/aws/lambda/{name}" for name in function_names(OUTPUTS)]
    stack.kept.days = dict.fromkeys([*tables, *groups, "UserEvents-test"], 7)
    return stack


def test_each_place_that_is_searched_has_its_row() -> None:
    assert rows(HEAD) == list(dict.fromkeys(place.name for place in places_of(whole_stack())))


def test_each_place_that_can_t_be_searched_has_its_row() -> None:
    found = elsewhere(whole_stack(), datetime(2026, 11, 24, tzinfo=UTC))
    assert rows(HEAD, 1) == list(dict.fromkeys(one.name for one in found))


def test_each_attribute_has_its_row() -> None:
    assert rows("| attribute | personal | unique: found by `GET /users?` |") == [each.name for each in ATTRIBUTES]


def test_every_table_queue_and_bucket_among_the_outputs_is_a_place() -> None:
    """A new output of this kind needs a place in ops/person/places.py, or a reason here."""
    kinds = re.compile(r"_(table_name|queue_url|bucket_name|archive_name|bus_name)$")
    holding = {name for name in NamedOutputs.model_fields if kinds.search(name)}
    stack = whole_stack()
    known = {place.resource for place in places_of(stack)}
    known |= {one.resource for one in elsewhere(stack, datetime(2026, 11, 24, tzinfo=UTC))}
    for name in holding:
        resource = str(getattr(stack.outputs, name)).rpartition("/")[2]
        assert resource in known, name
