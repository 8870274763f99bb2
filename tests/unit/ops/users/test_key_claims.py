"""`claim-keys` from its options to its output; concurrent writers are in tests/properties."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import ops.commands.users
from ops.aws.tables import ClaimRefusal, KeyClaim
from ops.cli import cli
from ops.commands.users import WHAT_TO_DO
from ops.context import CommandContext
from ops.errors import DeniedError, ExitCode
from ops.job import Job, stop_on_interrupt
from ops.users.key_claims import PROBLEMS, KeyClaims, KeyOutcome
from tests.support.ops.ops_in_memory import StackInMemory
from tests.support.ops.user_keys_in_memory import UserKeysInMemory
from tests.support.users.declarations import SHIPPED

Run = Callable[..., Result]


@pytest.fixture
def stack() -> StackInMemory:
    return StackInMemory()


@pytest.fixture
def run(stack: StackInMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    # So that values can be counted, whatever else is unique.
    monkeypatch.setattr(ops.commands.users, "KeyClaims", partial(KeyClaims, attributes=SHIPPED))
    return lambda *arguments: CliRunner().invoke(
        cli, ["claim-keys", "--rate", "1e9", *arguments], obj=CommandContext(lambda: stack), catch_exceptions=False
    )


def store(stack: StackInMemory, user_id: str, **attributes: Any) -> None:
    values: dict[str, Any] = {
        name: {"S": value} if isinstance(value, str) else value for name, value in attributes.items()
    }
    stack.user_table.items[user_id] = {"userId": {"S": user_id}, **values}


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def values(result: Result) -> dict[str, int]:
    return {outcome: number for outcome, number in answer(result)["values"].items() if number}


def test_each_user_gets_the_keys_that_registration_would_have_written(stack: StackInMemory, run: Run) -> None:
    store(stack, "1", email="Alice@Example.com", username="\uff21lice")
    store(stack, "2", email="bob@example.com", username="Stra\u00dfe")

    result = run()

    assert result.exit_code == ExitCode.OK
    assert answer(result)["users"] == 2
    assert values(result) == {"claimed": 4}
    assert stack.keys == {
        "email#alice@example.com": "1",
        "username#alice": "1",
        "email#bob@example.com": "2",
        "username#strasse": "2",
    }
    assert values(run()) == {"held": 4}


def test_a_dry_run_writes_nothing_and_finds_the_same(stack: StackInMemory, run: Run) -> None:
    for user_id in "12345":
        store(stack, user_id, email="same@example.com", username=f"user-{user_id}")
    stack.keys["username#user-5"] = "somebody"

    planned = run("--dry-run")
    assert stack.keys == {"username#user-5": "somebody"}
    written = run()

    assert (planned.exit_code, written.exit_code) == (ExitCode.UNFINISHED, ExitCode.UNFINISHED)
    assert values(planned) == values(written) == {"claimed": 5, "taken": 5}
    assert answer(planned) == {**answer(written), "dryRun": True}


def test_a_key_is_never_taken_from_its_owner(stack: StackInMemory, run: Run) -> None:
    store(stack, "imported", email="Alice@example.com", username="alice-1")
    store(stack, "registered", email="alice@example.com", username="alice")
    stack.keys |= {"email#alice@example.com": "registered", "username#alice": "registered"}

    result = run()

    assert values(result) == {"claimed": 1, "held": 2, "taken": 1}
    assert answer(result)["problems"] == [
        {
            "userId": "imported",
            "attribute": "email",
            "problem": "taken",
            "value": "Alice@example.com",
            "heldBy": "registered",
            "toDo": WHAT_TO_DO[KeyOutcome.TAKEN],
        }
    ]
    assert stack.keys["email#alice@example.com"] == "registered"
    assert stack.keys["username#alice-1"] == "imported"


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (None, "without"),
        ("", "without"),
        ({"NULL": True}, "without"),
        ({"N": "5"}, "not-text"),
        ({"SS": ["a"]}, "not-text"),
        ("x" * 3000, "too-long"),
    ],
)
def test_a_value_that_can_have_no_key_is_reported(stack: StackInMemory, run: Run, value: Any, outcome: str) -> None:
    store(stack, "1", **({} if value is None else {"email": value}), username="alice")

    result = run()

    assert values(result) == {"claimed": 1, outcome: 1}
    assert result.exit_code == (ExitCode.OK if outcome == "without" else ExitCode.UNFINISHED)
    assert all(len(problem["value"] or "") < 100 for problem in answer(result)["problems"])


def test_the_table_names_the_problems_and_what_to_do(stack: StackInMemory, run: Run) -> None:
    for number in range(30):
        store(stack, f"user-{number:02}", email="same@example.com", username=f"name-\x1b[31m{number:02}")

    shown = run("--table").stdout

    assert "31 keys written." in shown
    assert "taken by user-00" in shown
    assert "and 9 more" in shown
    assert "Next" in shown
    assert "\x1b" not in shown


def test_a_denied_action_ends_it_with_its_code(stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Denying(UserKeysInMemory):
        def claim(self, claims: list[KeyClaim]) -> list[ClaimRefusal | None]:  # pyright: ignore[reportIncompatibleMethodOverride]
            raise DeniedError(f"Denied: dynamodb:PutItem on {len(claims)} keys", "have it allowed")

    store(stack, "1", email="alice@example.com", username="alice")
    monkeypatch.setattr(stack, "user_keys", lambda: Denying({}, lambda _: None))

    result = run()

    assert result.exit_code == ExitCode.DENIED
    assert "dynamodb:PutItem" in result.stderr
    assert answer(result)["finished"] is False


def test_a_stop_ends_the_run_and_the_next_run_continues(stack: StackInMemory) -> None:
    for number in range(10):
        store(stack, f"{number}", email=f"{number}@example.com", username=f"user-{number}")
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(len(asked) == 2)
        return asked[-1]

    with stop_on_interrupt(announce=False) as never:
        work = Job(stop_requested=stop, now=lambda: 0.0, sleep=lambda _: None)
        first = KeyClaims(stack.users(), stack.user_keys(), work, users_per_second=1e9).run()
        assert (first.finished, first.users, len(stack.keys)) == (False, 6, 12)
        work = Job(stop_requested=never, now=lambda: 0.0, sleep=lambda _: None)
        second = KeyClaims(stack.users(), stack.user_keys(), work, users_per_second=1e9).run()
    assert (second.finished, second.users, len(stack.keys)) == (True, 10, 20)


def test_the_rate_is_kept_with_short_pauses(stack: StackInMemory) -> None:
    for number in range(30):
        store(stack, f"{number:02}", email=f"{number}@example.com", username=f"user-{number}")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        stack.clock.pass_by(seconds)

    work = Job(now=stack.clock.now, sleep=sleep)
    for _ in range(2):
        KeyClaims(stack.users(), stack.user_keys(), work, users_per_second=2).run()
    assert max(pauses) <= 1
    assert sum(pauses) == pytest.approx(15), "users who have their keys cost no time"


def test_every_problem_says_what_to_do() -> None:
    assert set(WHAT_TO_DO) == PROBLEMS
