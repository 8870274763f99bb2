"""A verification while users register, change and leave, records are late or lost, or it is killed.

Whenever it takes a step, somebody else may take one too.
"""

import itertools
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typing_extensions import override

from functions.stream_records.attribute_values import Image
from functions.users.attributes import ATTRIBUTES
from ops.aws.user_keys import KeyRepair
from ops.dead_letters.replay import VISIBILITY_TIMEOUT, Replay
from ops.dead_letters.replay_db import ReplayDb
from ops.dead_letters.selection import Selection
from ops.job import Job
from ops.users.findings import Problem
from ops.users.history_checks import read_histories
from ops.users.key_checks import held_keys_of_image, keys_of_image
from ops.users.verify import Verify, VerifyReport
from ops.users.verify_db import VerifyDb
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory, UsersInMemory
from tests.support.ops.queue_in_memory import KilledError, StepLimit
from tests.support.ops.user_keys_in_memory import UserKeysInMemory
from tests.support.records.record_strategies import FIRST_SEQUENCE_NUMBER

if TYPE_CHECKING:
    from functions.runtime.json_log import JsonObject

BEFORE = "2026-11-10T05:05:05.000Z"
SINCE = "2026-11-24T11:00:00.000Z"
EMAILS = ["a@example.com", "A@example.com", "b@example.com", "c@example.com"]
USERNAMES = {"a@example.com": "modem", "A@example.com": "MODEM", "b@example.com": "modern", "d@example.com": "m0dem"}
"""Some look alike: of the user with each email, if it has a username."""


@dataclass
class Steps(StepLimit):
    """A process that others interrupt at each of its steps."""

    act: Callable[[], None] = lambda: None

    @override
    def step(self) -> None:
        self.act()
        super().step()


class CheckedKeys(UserKeysInMemory):
    """Asserts of each repair that it takes no key from a user who is stored with its value."""

    @override
    def _repair(self, repair: KeyRepair) -> bool:
        before = dict(self._keys)
        written = super()._repair(repair)
        for key in before.keys() - {key for key, owner in self._keys.items() if owner == before.get(key)}:
            assert key not in keys_of_image(self._stored(before[key]), ATTRIBUTES).values(), f"{key} is taken away"
        for key in self._keys.keys() - before.keys():
            assert key in held_keys_of_image(self._stored(self._keys[key]), ATTRIBUTES), f"{key} has no value"
        return written


class World:
    """The three tables and the stream between them, which others use all the while."""

    def __init__(self, folder: Path, actions: Iterator[str]) -> None:
        self.stack = StackInMemory(random.Random(1))  # noqa: S311  a test's dice
        self.folder = folder
        self.actions = actions
        self.busy = False
        self.pending: list[JsonObject] = []
        self.positions = itertools.count()
        self.deleted: dict[str, Image] = {}
        self.steps = Steps(act=self.somebody_acts)
        self.stack.step_limit = self.steps
        self.stack.user_table = UsersInMemory(self.steps)
        self.stack.function.step_limit = self.steps
        keys, users = self.stack.keys, self.stack.user_table.items
        self.stack.user_keys = lambda: CheckedKeys(keys, users.get, self.steps.step)
        self.users = users
        self.keys = keys

    def somebody_acts(self) -> None:
        if self.busy:
            return
        self.busy = True
        try:
            self.act(next(self.actions, ""))
        finally:
            self.busy = False

    def act(self, action: str) -> None:
        verb, _, rest = action.partition(" ")
        number, _, email = rest.partition(" ")
        user_ids = sorted(self.users)
        user_id = user_ids[int(number) % len(user_ids)] if number and user_ids else ""
        if verb == "register":
            self.through_the_api(f"user-{next(self.positions):04}", email, SINCE)
        elif verb == "import":
            self.past_the_api(f"import-{next(self.positions):04}", email, BEFORE)
        elif verb == "restore" and self.deleted:
            dropped = sorted(self.deleted)[int(number) % len(self.deleted)]
            self.past_the_api(dropped, self.deleted.pop(dropped)["email"]["S"], SINCE)
        elif verb in ("change", "overwrite") and user_id:
            (self.through_the_api if verb == "change" else self.past_the_api)(user_id, email, SINCE)
        elif verb in ("delete", "drop") and user_id:
            self.remove(user_id, through_the_api=verb == "delete")
        else:
            self.move_records(verb, number)

    def remove(self, user_id: str, *, through_the_api: bool) -> None:
        if through_the_api:
            self.free(user_id, held_keys_of_image(self.users[user_id], ATTRIBUTES))
        else:
            self.deleted[user_id] = self.users[user_id]
        self.write(user_id, None)

    def move_records(self, verb: str, number: str) -> None:
        if verb == "deliver":
            self.deliver()
        elif verb == "lose" and self.pending:
            self.pending.pop(int(number) % len(self.pending))
        elif verb == "fail" and self.pending:
            self.stack.fail(self.pending.pop(0))

    def through_the_api(self, user_id: str, email: str, moment: str) -> None:
        new = self.image(user_id, email, moment)
        before = held_keys_of_image(self.users.get(user_id), ATTRIBUTES)
        after = held_keys_of_image(new, ATTRIBUTES)
        if any(self.keys.get(key, user_id) != user_id for key in after.keys() - before.keys()):
            return  # 409
        self.free(user_id, before.keys() - after.keys())
        self.keys.update(dict.fromkeys(after.keys() - before.keys(), user_id))
        self.write(user_id, new)

    def past_the_api(self, user_id: str, email: str, moment: str) -> None:
        self.write(user_id, self.image(user_id, email, moment))

    def free(self, user_id: str, keys: Iterable[str]) -> None:
        for key in keys:
            if self.keys.get(key) == user_id:
                del self.keys[key]

    def image(self, user_id: str, email: str, moment: str) -> Image:
        created = self.users.get(user_id, {}).get("createdAt", {"S": moment})
        written = {"createdAt": created, "updatedAt": {"S": moment}, "name": {"S": f"{next(self.positions)}"}}
        username = {"username": {"S": USERNAMES[email]}} if email in USERNAMES else {}
        return {"userId": {"S": user_id}, "email": {"S": email}, **username, **written}

    def write(self, user_id: str, new: Image | None) -> None:
        old = self.users.pop(user_id, None)
        if new is not None:
            self.users[user_id] = new
        images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
        position = next(self.positions)
        record: JsonObject = {
            "eventID": f"{position:032x}",
            "eventName": "REMOVE" if new is None else "INSERT" if old is None else "MODIFY",
            "eventSource": "aws:dynamodb",
            "eventSourceARN": OUTPUTS.users_stream_arn,
            "dynamodb": {
                "ApproximateCreationDateTime": int(self.stack.clock.now()),
                "Keys": {"userId": {"S": user_id}},
                # Numbers of a stream grow by more than one.
                "SequenceNumber": str(FIRST_SEQUENCE_NUMBER + 10 * position),
                **images,
            },
        }
        self.pending.append(record)

    def deliver(self) -> None:
        records, self.pending = self.pending, []
        busy, self.busy = self.busy, True
        steps, self.steps.steps = self.steps.steps, None
        if records:
            self.stack.function.invoke(records)
        self.steps.steps, self.busy = steps, busy

    def sleep(self, seconds: float) -> None:
        """In a pause, a delivery that isn't late brings all that was written."""
        self.stack.clock.pass_by(seconds)
        if seconds >= 1:
            self.deliver()
            if self.stack.clock.now() % 60 == 0:  # or the actions are over before the pause is
                self.somebody_acts()

    def verify(self, *, repair: bool, steps: int | None = None) -> VerifyReport | None:
        self.steps.steps = steps
        progress = VerifyDb(self.folder / "verify.sqlite")
        work = Job(now=self.stack.clock.now, sleep=self.sleep)
        finished = False
        try:
            report = Verify(self.stack, progress, work, items_per_second=1e9, repair=repair).run()
            finished = report.finished
        except KilledError:
            return None
        else:
            return report
        finally:
            self.steps.steps = None
            progress.close(delete=finished)
            self.stack.clock.pass_by(60)

    def replay(self) -> None:
        self.stack.clock.pass_by(VISIBILITY_TIMEOUT + 1)
        replay_db = ReplayDb(self.folder / "replay.sqlite")
        work = Job(now=self.stack.clock.now, sleep=self.sleep)
        try:
            assert Replay(self.stack, Selection(), replay_db, work, batch_size=10).run().left == 0
        finally:
            replay_db.close()

    def end(self) -> None:
        """All that others do is done and delivered."""
        for action in self.actions:
            self.act(action)
        self.deliver()
        self.replay()


NUMBERS = st.integers(0, 9).map(str)
BY_API = st.one_of(
    st.just(""),
    st.just("deliver"),
    st.just("fail"),
    st.tuples(st.sampled_from(["register", "change", "change", "delete"]), NUMBERS, st.sampled_from(EMAILS)).map(
        " ".join
    ),
)
ANY = st.one_of(
    BY_API,
    st.tuples(
        st.sampled_from(["import", "overwrite", "drop", "restore", "lose", "lose"]), NUMBERS, st.sampled_from(EMAILS)
    ).map(" ".join),
)
KILLS = st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=3)


@given(earlier=st.lists(BY_API, max_size=10), actions=st.lists(BY_API, max_size=25), kills=KILLS, repair=st.booleans())
def test_changes_in_flight_are_no_problems_and_meet_no_repair(
    earlier: list[str], actions: list[str], kills: list[tuple[int, bool]], *, repair: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        world = World(Path(folder), iter(actions))
        for action in earlier:
            world.act(action)
        for steps, repairing in kills:
            world.verify(repair=repairing, steps=steps)
        report = world.verify(repair=repair)

        assert report is not None
        assert (report.finished, report.error) == (True, None)
        assert report.found.keys() <= {Problem.IN_QUEUE, Problem.BUSY}
        assert not report.repaired
        world.end()
        assert all(len(item["eventId"]["S"].lstrip("0")) < 8 for item in world.stack.table.items.values())
        assert set(world.keys) == {
            key for image in world.users.values() for key in held_keys_of_image(image, ATTRIBUTES)
        }


# A key goes to whose value it is; from then on its former owner's value only looks like it.
@example(earlier=[], actions=["", "", "", "register 0 b@example.com", "import 0 a@example.com"], kills=[])
@given(earlier=st.lists(ANY, max_size=14), actions=st.lists(ANY, max_size=25), kills=KILLS)
def test_whatever_happened_the_repair_makes_it_whole(
    earlier: list[str], actions: list[str], kills: list[tuple[int, bool]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        world = World(Path(folder), iter(actions))
        for action in earlier:
            world.act(action)
        for steps, repairing in kills:
            world.verify(repair=repairing, steps=steps)
        world.verify(repair=True)
        world.end()

        assert_whole(world)


STEPS = 45
"""More than a repair of the users below takes."""


@pytest.mark.parametrize("lost", ["", "lose 0 -"])
@pytest.mark.parametrize(
    "action",
    ["change 0 b@example.com", "overwrite 0 b@example.com", "delete 0 -", "drop 0 -", "register 0 a@example.com"],
)
def test_a_change_between_any_two_steps_of_a_repair_is_kept(action: str, lost: str) -> None:
    for step in range(STEPS):
        with tempfile.TemporaryDirectory(prefix="verify-") as folder:
            # Another state, a user without key, one without history, a key that is left, no end.
            world = World(Path(folder), iter([*[""] * step, action, lost]))
            for earlier in [
                "import 0 a@example.com",
                "deliver",
                "overwrite 0 A@example.com",
                "lose 0 -",
                "import 0 c@example.com",
                "lose 0 -",
                "register 0 d@example.com",
                "deliver",
                "drop 2 -",
                "lose 0 -",
            ]:
                world.act(earlier)
            world.verify(repair=True)
            if not lost:
                world.end()
                for user_id, changes in histories_of(world).items():
                    assert_repairs_are_chained(user_id, changes)
            world.end()
            assert_whole(world)


def histories_of(world: World) -> dict[str, list[Image]]:
    histories: dict[str, list[Image]] = {}
    for key in sorted(world.stack.table.items):
        histories.setdefault(key[0], []).append(world.stack.table.items[key])
    return histories


def is_repair(item: Image) -> bool:
    return not item["eventId"]["S"].startswith("0" * 20)


def assert_repairs_are_chained(user_id: str, changes: list[Image]) -> None:
    """A repair begins with the state before it, and what comes after begins with the repair's.

    A lost change that a later one hides isn't repaired.
    """
    state: Image = {}
    before: Image | None = None
    for item in changes:
        for name, change in item["changes"]["M"].items():
            if is_repair(item) or (before and is_repair(before)):
                assert state.get(name) == change["M"].get("old"), (user_id, name, changes)
            state = {key: value for key, value in state.items() if key != name}
            if "new" in change["M"]:
                state[name] = change["M"]["new"]
        before = item


def assert_whole(world: World) -> None:
    """A repair and a look at all after it: only users who share a value, or nearly, are left."""
    repaired = world.verify(repair=True)
    again = world.verify(repair=False)

    assert repaired is not None
    assert again is not None
    assert repaired.error is None
    assert repaired.found == again.found
    assert again.found.keys() <= {Problem.TAKEN, Problem.ALIKE}
    wanted: dict[str, set[str]] = {}
    of_alike: dict[str, set[str]] = {}
    for user_id, image in world.users.items():
        own = {*keys_of_image(image, ATTRIBUTES).values()}
        for key in held_keys_of_image(image, ATTRIBUTES):
            (wanted if key in own else of_alike).setdefault(key, set()).add(user_id)
    assert world.keys.keys() == wanted.keys() | of_alike.keys()
    # Whose value it is goes before those whose values look like it.
    assert all(owner in wanted.get(key, of_alike.get(key, set())) for key, owner in world.keys.items())
    assert again.found[Problem.TAKEN] == sum(len(users) - 1 for users in wanted.values())
    assert again.found[Problem.ALIKE] == sum(len(users) - (key not in wanted) for key, users in of_alike.items())
    histories = read_histories(world.stack.table.items.values(), 0)
    for user_id, image in world.users.items():
        assert histories[user_id].explains(image)
    for user_id in histories.keys() - world.users.keys():
        assert histories[user_id].last_kind == "DELETED"
