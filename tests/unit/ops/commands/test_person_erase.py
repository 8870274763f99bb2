"""`person erase` on the stack in memory: what it asks, says, and does when it can't finish."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from click.testing import Result

from functions.activity.closing_item import CLOSING_CHANGE_ID, is_erasure
from functions.stream_records.attribute_values import Image
from ops.errors import DeniedError, ExitCode
from ops.person import erase, erase_places
from tests.support.ops import ops_in_memory
from tests.support.ops.ops_in_memory import OPERATOR, OUTPUTS, StackInMemory
from tests.support.ops.planted_data import PlantedData, marks_in
from tests.support.users.people import registration

Run = Callable[..., Result]
EVE = "id-eve"


@pytest.fixture(autouse=True)
def no_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops_in_memory, "LONGEST_TIMEOUT", 0)
    monkeypatch.setattr(erase_places, "WAIT_SECONDS", 0)


@pytest.fixture
def eve(stack: StackInMemory) -> PlantedData:
    """A user who is in every place, found by the email."""
    planted = PlantedData(stack)
    for plant in planted.kinds.values():
        plant(EVE)
    values = registration(None, email="Eve@example.com", username="Eve")
    stack.user_table.items[EVE] = {"userId": {"S": EVE}} | {name: {"S": text} for name, text in values.items()}
    stack.keys |= {"email#eve@example.com": EVE, "username#eve": EVE}
    return planted


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def test_a_user_named_by_the_email_is_erased(run: Run, stack: StackInMemory, eve: PlantedData) -> None:
    stack.kept.days[OUTPUTS.users_table_name] = 35

    result = run("person", "erase", "eve@example.com", "--yes")

    assert result.exit_code == ExitCode.OK, result.output
    erased = answer(result)
    assert (erased["userId"], erased["actor"], erased["complete"], erased["dryRun"]) == (EVE, OPERATOR, True, False)
    assert {one["place"]: one["removed"] for one in erased["places"]}["user-keys"] == 3
    assert "backups" in {one["name"] for one in erased["elsewhere"]}
    assert stack.user_table.items == stack.keys == stack.store.objects == {}
    assert [key for key in stack.table.items if key[0] == EVE] == [(EVE, CLOSING_CHANGE_ID)]
    assert not marks_in(stack.queue.bodies()) & eve.of[EVE]

    history = answer(run("activity", EVE))
    (entry,) = history["items"]
    assert (entry["kind"], entry["actor"], entry["occurredAt"], entry["changes"]) == (
        "ERASED",
        OPERATOR,
        erased["erasedAt"],
        {},
    )


def test_somebody_who_registers_with_the_same_email_is_untouched(
    run: Run, stack: StackInMemory, eve: PlantedData
) -> None:
    assert eve
    run("person", "erase", EVE, "--yes")
    stack.user_table.items["new"] = {"userId": {"S": "new"}, "email": {"S": "Eve@example.com"}}
    stack.keys["email#eve@example.com"] = "new"

    again = run("person", "erase", EVE, "--yes")

    assert again.exit_code == ExitCode.OK
    assert sum(one["removed"] for one in answer(again)["places"]) == 0
    assert stack.keys == {"email#eve@example.com": "new"}
    assert set(stack.user_table.items) == {"new"}


def test_it_asks_first_and_a_no_changes_nothing(run: Run, stack: StackInMemory, eve: PlantedData) -> None:
    assert eve
    asked = run("person", "erase", EVE, input="n\n")

    assert asked.exit_code == ExitCode.UNFINISHED
    assert f"Erase user {EVE} from --stack test?" in asked.stderr
    assert EVE in stack.user_table.items
    assert (EVE, CLOSING_CHANGE_ID) not in stack.table.items
    assert run("person", "erase", EVE, input="y\n").exit_code == ExitCode.OK


def test_a_dry_run_asks_nothing_and_changes_nothing(run: Run, stack: StackInMemory, eve: PlantedData) -> None:
    assert eve
    counted = run("person", "erase", EVE, "--dry-run", "--table")

    assert counted.exit_code == ExitCode.OK
    assert "Nothing was changed" in counted.stdout
    assert EVE in stack.user_table.items
    assert (EVE, CLOSING_CHANGE_ID) not in stack.table.items


def test_what_holds_the_same_is_said_once(run: Run, stack: StackInMemory, eve: PlantedData) -> None:
    assert eve
    functions = ("LogUserChangesFunction", "ManageUsersFunction")
    stack.kept.days |= {f"/aws/lambda/{function}-test": 14 for function in functions}

    shown = " ".join(run("person", "erase", EVE, "--dry-run", "--table").stdout.split())

    assert all(f"/aws/lambda/{function}-test" in shown for function in functions)
    assert shown.count("maskPersonalData") == 1


def test_messages_in_flight_elsewhere_leave_it_unfinished(run: Run, stack: StackInMemory, eve: PlantedData) -> None:
    assert eve
    while stack.queue.receive(900):
        pass

    unfinished = run("person", "erase", EVE, "--yes", "--table")

    assert unfinished.exit_code == ExitCode.UNFINISHED
    assert "in flight elsewhere" in " ".join(unfinished.stdout.split())
    assert f"python -m ops --stack test person erase --by id {EVE}" in unfinished.stdout


def test_an_error_says_how_far_it_came_and_the_same_command_goes_on(
    run: Run, stack: StackInMemory, eve: PlantedData
) -> None:
    def denied(_self: object) -> Iterator[None]:
        raise DeniedError("Denied: s3:ListBucketVersions")

    with patch.object(ops_in_memory.EnvelopesInMemory, "versions", denied):
        result = run("person", "erase", EVE, "--yes", "--table")

    assert result.exit_code == ExitCode.DENIED
    assert "is not erased completely" in result.stdout
    assert is_erasure(dict(stack.table.items[EVE, CLOSING_CHANGE_ID]))
    assert run("person", "erase", EVE, "--yes").exit_code == ExitCode.OK
    assert not marks_in(stack.store.objects) & eve.of[EVE]


def test_a_user_changed_at_every_attempt_is_left_as_it_is(run: Run, stack: StackInMemory, eve: PlantedData) -> None:
    assert eve

    def another(_self: object, user_id: str) -> Image:
        return {"userId": {"S": user_id}, "version": {"N": "9"}}

    with patch.object(ops_in_memory.PersonTablesInMemory, "user", another):
        result = run("person", "erase", EVE, "--yes", "--table")

    assert result.exit_code == ExitCode.UNFINISHED
    assert f"changed by others at each of {erase.MAX_TRIES} attempts; nothing was erased" in result.stderr
    assert "nothing was changed" in result.stdout
    assert EVE in stack.user_table.items
