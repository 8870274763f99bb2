"""`verify` from its options to its output; concurrent writers are in tests/properties."""

import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from typing_extensions import override

import ops.commands.verify
from functions.activity.closing_item import erasure
from functions.stream_records.attribute_values import Image
from ops.cli import cli
from ops.context import CommandContext
from ops.dead_letters.redelivery import DEAD_LETTERED
from ops.errors import DeniedError, ExitCode
from ops.job import STATE_VARIABLE, Job
from ops.users.findings import WHAT_TO_DO, Problem
from ops.users.verify import Verify
from ops.users.verify_db import VerifyDb
from tests.support.ops.ops_in_memory import StackInMemory
from tests.support.ops.user_keys_in_memory import UserKeysInMemory
from tests.support.records.record_strategies import FIRST_SEQUENCE_NUMBER, stream_record
from tests.support.users.declarations import SHIPPED

Run = Callable[..., Result]
YESTERDAY = "2026-11-23T12:00:00.000Z"
LONG_AGO = "2020-01-01T00:00:00.000Z"


@pytest.fixture
def stack() -> StackInMemory:
    return StackInMemory()


@pytest.fixture
def run(stack: StackInMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    monkeypatch.setattr("ops.job.time.sleep", stack.clock.pass_by)

    def verify(services: StackInMemory, progress: VerifyDb, job: Job, **options: Any) -> Verify:
        work = Job(stop_requested=job.stop_requested, now=stack.clock.now, sleep=stack.clock.pass_by)
        # So that values can be counted, whatever else is unique.
        return Verify(services, progress, work, **options, attributes=SHIPPED)

    monkeypatch.setattr(ops.commands.verify, "Verify", verify)
    return lambda *arguments: CliRunner().invoke(
        cli, ["verify", "--rate", "1e9", *arguments], obj=CommandContext(lambda: stack), catch_exceptions=False
    )


def store(stack: StackInMemory, user_id: str, *, history: bool = True, keys: bool = False, **attributes: Any) -> Image:
    """Store a user, with a history and keys as asked for."""
    values = {name: {"S": value} if isinstance(value, str) else value for name, value in attributes.items()}
    image: Image = {"userId": {"S": user_id}, "createdAt": {"S": YESTERDAY}, **values}
    stack.user_table.items[user_id] = image
    if history:
        stack.function.invoke([record("INSERT", user_id, None, image)])
    if keys and "email" in attributes:
        stack.keys[f"email#{attributes['email']}"] = user_id
    return image


def record(event: str, user_id: str, old: Image | None, new: Image | None, position: int = 0) -> Any:
    made = stream_record(event, position, user_id, old, new)
    made["dynamodb"]["ApproximateCreationDateTime"] = 1_795_500_000
    made["dynamodb"]["SequenceNumber"] = str(FIRST_SEQUENCE_NUMBER + position)
    return made


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def left(result: Result) -> dict[str, int]:
    return {problem: number for problem, number in answer(result)["left"].items() if number}


def repaired(result: Result) -> dict[str, int]:
    return {problem: number for problem, number in answer(result)["repaired"].items() if number}


def kinds(stack: StackInMemory, user_id: str) -> list[str]:
    return [stack.table.items[key]["kind"]["S"] for key in sorted(stack.table.items) if key[0] == user_id]


def test_each_user_gets_the_keys_that_registration_would_have_written(stack: StackInMemory, run: Run) -> None:
    store(stack, "1", email="Alice@Example.com", username="\uff21lice")
    store(stack, "2", email="bob@example.com", username="Stra\u00dfe")

    found, mended, again = run(), run("--repair"), run()

    assert (found.exit_code, mended.exit_code, again.exit_code) == (ExitCode.UNFINISHED, ExitCode.OK, ExitCode.OK)
    assert left(found) == repaired(mended) == {"user-without-key": 4}
    assert stack.keys == {
        "email#alice@example.com": "1",
        "username#alice": "1",
        "email#bob@example.com": "2",
        "username#strasse": "2",
    }
    assert (answer(again)["users"], answer(again)["keys"], answer(again)["changes"]) == (2, 4, 2)


def test_what_a_repair_would_leave_is_found_without_one(stack: StackInMemory, run: Run) -> None:
    for user_id in "12345":
        store(stack, user_id, email="same@example.com", username=f"user-{user_id}")
    store(stack, "somebody", username="USER-5")
    stack.keys["username#user-5"] = "somebody"

    found, keys = run(), dict(stack.keys)
    mended = run("--repair")

    assert keys == {"username#user-5": "somebody"}
    assert left(found) == {"user-without-key": 5, "taken": 5}
    assert left(mended) == {"taken": 5}
    assert mended.exit_code == ExitCode.UNFINISHED
    first = answer(mended)["problems"][0]
    assert first == {
        "problem": "taken",
        "userId": "2",
        "key": "email#same@example.com",
        "attribute": "email",
        "value": "same@example.com",
        "heldBy": "1",
        "detail": None,
        "toDo": WHAT_TO_DO[Problem.TAKEN],
    }


def test_users_who_look_alike_since_before_are_named_and_no_fault(stack: StackInMemory, run: Run) -> None:
    store(stack, "1", username="modem")
    store(stack, "2", username="modern")
    stack.keys |= {"username#modem": "1", "username#modern": "2"}

    found, mended = run(), run("--repair")

    assert left(found) == left(mended) == {"looks-alike": 1}
    assert (found.exit_code, mended.exit_code) == (ExitCode.OK, ExitCode.OK)
    assert stack.keys == {"username#modem": "1", "username#modern": "2"}
    (alike,) = answer(mended)["problems"]
    assert (alike["userId"], alike["heldBy"], alike["value"]) == ("2", "1", "modern")


def test_who_registered_before_lookalikes_were_refused_gets_their_key(stack: StackInMemory, run: Run) -> None:
    store(stack, "1", username="r00tbeer")
    stack.keys["username#r00tbeer"] = "1"

    found, mended = run(), run("--repair")

    assert left(found) == repaired(mended) == {"user-without-alike-key": 1}
    assert (found.exit_code, mended.exit_code) == (ExitCode.UNFINISHED, ExitCode.OK)
    assert stack.keys == {"username#r00tbeer": "1", "username#rootbeer": "1"}


def test_whose_value_it_is_gets_the_key_from_who_only_looks_like_it(stack: StackInMemory, run: Run) -> None:
    store(stack, "alike", username="r00tbeer")
    store(stack, "imported", username="rootbeer")
    stack.keys |= {"username#r00tbeer": "alike", "username#rootbeer": "alike"}

    found, mended = run(), run("--repair")

    assert left(found) == repaired(mended) == {"user-without-key": 1}
    assert stack.keys == {"username#r00tbeer": "alike", "username#rootbeer": "imported"}
    assert left(run()) == {"looks-alike": 1}


def test_users_with_many_keys_each_are_looked_at_a_few_at_a_time(stack: StackInMemory, run: Run) -> None:
    for number in range(60):
        store(stack, f"{number}", email=f"{number}@example.com", username=f"\u0418van{number:02}m0")

    assert run("--repair").exit_code == ExitCode.OK
    assert len(stack.keys) > 3 * 60
    assert left(run()) == {}


def test_a_value_that_is_too_long_for_a_key_is_named_though_its_skeleton_is_shorter(
    stack: StackInMemory, run: Run
) -> None:
    store(stack, "1", username="\u0430" * 1_100)

    assert left(run("--repair")) == {"too-long": 1}


def test_the_keys_of_a_user_deleted_past_the_api_are_freed(stack: StackInMemory, run: Run) -> None:
    store(stack, "here", email="here@example.com", keys=True)
    stack.keys |= {"email#gone@example.com": "gone", "email#old@example.com": "here", "request#abc": "gone"}

    found, mended = run(), run("--repair")

    assert left(found) == {"key-without-user": 2, "key-without-value": 1}
    assert (mended.exit_code, left(mended)) == (ExitCode.OK, {})
    assert stack.keys == {"email#here@example.com": "here"}


def test_a_key_passes_from_a_user_who_is_not_stored_to_one_who_is_without_being_free(
    stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registration after the moment to which the Users table was restored."""
    store(stack, "restored", email="a@example.com")
    stack.keys["email#a@example.com"] = "registered later"
    owners: list[str | None] = []
    watched = UserKeysInMemory(
        stack.keys, stack.user_table.items.get, lambda: owners.append(stack.keys.get("email#a@example.com"))
    )
    monkeypatch.setattr(stack, "user_keys", lambda: watched)

    assert run("--repair").exit_code == ExitCode.OK

    assert None not in owners
    assert stack.keys == {"email#a@example.com": "restored"}


def test_a_key_of_an_attribute_that_is_no_longer_unique_stays(stack: StackInMemory, run: Run) -> None:
    store(stack, "1")
    stack.keys |= {"phone#123": "1", "request#abc": "1"}

    assert run("--repair").exit_code == ExitCode.OK
    assert stack.keys == {"phone#123": "1", "request#abc": "1"}


@pytest.mark.parametrize("user_id", ["a/b", "a?b", "..", "x" * 129])
def test_an_id_that_no_path_can_name_is_reported_with_a_way_out(stack: StackInMemory, run: Run, user_id: str) -> None:
    store(stack, user_id, email="alice@example.com")

    result = run("--repair")

    assert left(result) == {"unreachable-id": 1}
    assert stack.keys == {"email#alice@example.com": user_id}
    (found,) = answer(result)["problems"]
    assert found["userId"] == user_id
    assert "another id" in found["toDo"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, None),
        ("", None),
        ({"NULL": True}, None),
        ({"N": "5"}, "not-text"),
        ({"SS": ["a"]}, "not-text"),
        ("x" * 3000, "too-long"),
    ],
)
def test_a_value_that_can_have_no_key_is_reported(
    stack: StackInMemory, run: Run, value: Any, problem: str | None
) -> None:
    store(stack, "1", **({} if value is None else {"email": value}))

    result = run("--repair")

    assert left(result) == ({problem: 1} if problem else {})
    assert all(len(one["value"] or "") < 100 for one in answer(result)["problems"])


def test_a_user_without_history_gets_one_dated_at_the_creation(stack: StackInMemory, run: Run) -> None:
    store(stack, "1", history=False)

    found, mended, again = run(), run("--repair"), run()

    assert left(found) == repaired(mended) == {"user-without-history": 1}
    assert again.exit_code == ExitCode.OK
    (item,) = stack.table.items.values()
    assert (item["kind"], item["occurredAt"]) == ({"S": "ADDED"}, {"S": YESTERDAY})


def test_a_user_whose_history_has_expired_needs_none(stack: StackInMemory, run: Run) -> None:
    store(stack, "1", history=False, createdAt=LONG_AGO, updatedAt=LONG_AGO)
    assert run().exit_code == ExitCode.OK

    store(stack, "2", history=False, createdAt=LONG_AGO, updatedAt=YESTERDAY)
    assert left(run()) == {"user-without-history": 1}
    assert run("--repair").exit_code == ExitCode.OK
    assert kinds(stack, "2") == ["UPDATED"]
    assert run().exit_code == ExitCode.OK


def test_a_lost_change_is_added_behind_the_last_known_one(stack: StackInMemory, run: Run) -> None:
    image = store(stack, "1", name="before", left={"S": "x"})
    stack.user_table.items["1"] = {name: value for name, value in image.items() if name != "left"} | {
        "name": {"S": "now"}
    }

    found, mended, again = run(), run("--repair"), run()

    assert left(found) == repaired(mended) == {"history-differs": 1}
    assert again.exit_code == ExitCode.OK
    first, second = sorted(stack.table.items)
    assert int(second[1]) == int(first[1]) + 1
    assert stack.table.items[second]["changes"]["M"] == {
        "name": {"M": {"old": {"S": "before"}, "new": {"S": "now"}}},
        "left": {"M": {"old": {"S": "x"}}},
    }


def test_a_history_without_its_beginning_explains_what_it_names(stack: StackInMemory, run: Run) -> None:
    image = store(stack, "1", name="now", other="any", history=False)
    stack.function.invoke([record("MODIFY", "1", image | {"name": {"S": "before"}}, image)])
    assert run().exit_code == ExitCode.OK

    stack.user_table.items["1"] = image | {"name": {"S": "lost"}}
    assert left(run()) == {"history-differs": 1}
    assert run("--repair").exit_code == ExitCode.OK
    assert run().exit_code == ExitCode.OK


def test_internal_attributes_are_no_difference(stack: StackInMemory, run: Run) -> None:
    image = store(stack, "1")
    stack.user_table.items["1"] = image | {"changedBy": {"S": "self"}, "registrationDigest": {"S": "x"}}

    assert run().exit_code == ExitCode.OK


def test_a_history_without_end_gets_its_deletion(stack: StackInMemory, run: Run) -> None:
    store(stack, "1", name="Alice")
    del stack.user_table.items["1"]

    found, mended, again = run(), run("--repair"), run()

    assert left(found) == repaired(mended) == {"history-without-end": 1}
    assert again.exit_code == ExitCode.OK
    assert kinds(stack, "1") == ["ADDED", "DELETED"]


def test_a_user_who_came_back_is_added_again(stack: StackInMemory, run: Run) -> None:
    """A restored table has users whose deletion the history tells."""
    image = store(stack, "1", name="Alice")
    stack.function.invoke([record("REMOVE", "1", image, None, 10)])

    found, mended, again = run(), run("--repair"), run()

    assert left(found) == repaired(mended) == {"history-ended": 1}
    assert again.exit_code == ExitCode.OK
    assert kinds(stack, "1") == ["ADDED", "DELETED", "ADDED"]


def test_an_erased_user_comes_back_by_no_repair(stack: StackInMemory, run: Run) -> None:
    store(stack, "1", name="Alice", history=False)
    marker = erasure("1", actor="arn:aws:iam::1:user/x", occurred_at=YESTERDAY, expires_at=2_000_000_000)
    stack.table.items["1", marker["changeId"]["S"]] = marker

    result = run("--repair")

    assert left(result) == {"erased-user-stored": 1}
    assert "person erase" in answer(result)["problems"][0]["toDo"]
    assert list(stack.table.items.values()) == [marker]
    del stack.user_table.items["1"]
    assert run().exit_code == ExitCode.OK


def test_items_past_their_expiry_count_as_deleted(stack: StackInMemory, run: Run) -> None:
    """TTL deletes them in any order: a deletion may go before an older change."""
    store(stack, "1", name="Alice")
    del stack.user_table.items["1"]
    for item in stack.table.items.values():
        item["expiresAt"] = {"N": str(int(stack.clock.now()) - 1)}

    assert run().exit_code == ExitCode.OK


def test_a_user_with_a_change_in_the_queue_is_left_to_its_replay(stack: StackInMemory, run: Run) -> None:
    image = store(stack, "1", history=False)
    stack.fail(record("INSERT", "1", None, image))

    result = run("--repair")

    assert left(result) == {"change-in-queue": 1}
    assert stack.table.items == {}


def test_a_record_that_the_function_refuses_is_reported(stack: StackInMemory, run: Run) -> None:
    store(stack, "1", history=False, schemaVersion={"N": "99"})

    assert left(run("--repair")) == {"refused": 1}


def test_the_table_says_all_of_why_a_record_was_refused(stack: StackInMemory, run: Run) -> None:
    store(stack, "1", history=False, schemaVersion={"N": "99"})

    assert DEAD_LETTERED in run("--repair", "--table").stdout  # it ends with where to look


def test_a_delivery_that_stands_still_is_no_time_to_verify(stack: StackInMemory, run: Run) -> None:
    stack.monitored.state = "Disabled"

    result = run()

    assert result.exit_code == ExitCode.UNFINISHED
    assert "which changes are still to come" in result.stderr


def test_the_table_names_the_problems_and_what_to_do(stack: StackInMemory, run: Run) -> None:
    for number in range(30):
        store(stack, f"user-{number:02}", email="same@example.com", username=f"name-\x1b[31m{number:02}")

    shown = run("--table").stdout

    assert "60 problems found." in shown
    assert "held by user-00" in shown
    assert "and 40 more" in shown
    assert "verify --repair" in shown
    assert "\x1b" not in shown


def test_a_denied_action_ends_it_with_its_code(stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Denying(UserKeysInMemory):
        @override
        def repair(self, repairs: Any) -> list[bool]:
            raise DeniedError(f"Denied: dynamodb:PutItem on {len(repairs)} keys", "have it allowed")

    store(stack, "1", email="alice@example.com")
    monkeypatch.setattr(stack, "user_keys", lambda: Denying({}, stack.user_table.items.get))

    result = run("--repair")

    assert result.exit_code == ExitCode.DENIED
    assert "dynamodb:PutItem" in result.stderr
    assert answer(result)["finished"] is False


def test_a_stop_ends_the_run_and_the_next_one_continues(stack: StackInMemory, tmp_path: Path) -> None:
    for number in range(10):
        store(stack, f"{number}", email=f"{number}@example.com")
    pages: list[str | None] = []
    page = stack.user_table.page
    stack.user_table.page = lambda after: pages.append(after) or page(after)

    def verify(stop: Callable[[], bool], *, repair: bool = False) -> Any:
        progress = VerifyDb(tmp_path / "verify.sqlite")
        work = Job(stop_requested=stop, now=stack.clock.now, sleep=stack.clock.pass_by)
        try:
            return Verify(stack, progress, work, items_per_second=1e9, repair=repair, attributes=SHIPPED).run()
        finally:
            progress.close()

    first = verify(lambda: len(pages) == 2)
    assert (first.finished, first.read["users"]) == (False, 6)
    second = verify(lambda: False)
    assert (second.finished, second.read["users"], second.found.total()) == (True, 10, 10)
    assert pages == [None, "2", "5", "8"]
    # Found by a run that only reports, mended by one that continues it.
    third = verify(lambda: False, repair=True)
    assert (third.found.total(), third.repaired.total(), len(stack.keys), len(pages)) == (0, 10, 10, 4)


def test_the_rate_is_kept_with_short_pauses(stack: StackInMemory, tmp_path: Path) -> None:
    for number in range(30):
        store(stack, f"{number:02}", email=f"{number}@example.com", keys=True)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        stack.clock.pass_by(seconds)

    progress = VerifyDb(tmp_path / "verify.sqlite")
    work = Job(now=stack.clock.now, sleep=sleep)
    Verify(stack, progress, work, items_per_second=2, repair=False, attributes=SHIPPED).run()
    progress.close()

    assert max(pauses) <= 1
    assert sum(pauses) == pytest.approx((30 + 30 + 30) / 2)


def test_two_verifications_of_one_stack_do_not_share_their_progress(run: Run, tmp_path: Path) -> None:
    (path,) = (path for path in [*_progress_files(run, tmp_path)])
    first = VerifyDb(path)
    try:
        assert "Another verification" in run().stderr
    finally:
        first.close()


def test_a_corrupt_progress_is_replaced_and_not_held_open(tmp_path: Path) -> None:
    path = tmp_path / "verify.sqlite"
    path.write_bytes(b"no database" * 1000)

    progress = VerifyDb(path)
    progress.set("phase", "keys")

    assert progress.get("phase") == "keys"
    progress.close()
    gc.collect()  # From Python 3.13 on, a connection that nobody closed is a warning, which pytest makes an error.


def _progress_files(run: Run, folder: Path) -> list[Path]:
    run()
    return [lock.with_suffix(".sqlite") for lock in folder.glob("verify-*.lock")]


def test_every_problem_says_what_to_do() -> None:
    assert set(WHAT_TO_DO) == set(Problem)
