"""A backfill while users register, change and leave, records are late or fail, or it is killed."""

import itertools
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import Image
from ops.dead_letters.replay import VISIBILITY_TIMEOUT, Replay
from ops.dead_letters.replay_db import ReplayDb
from ops.dead_letters.selection import Selection
from ops.job import Job
from ops.users.backfill import Backfill, BackfillReport
from ops.users.backfill_records import stream_began_at
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory
from tests.support.ops.queue_in_memory import KilledError
from tests.support.records.record_strategies import FIRST_SEQUENCE_NUMBER

BEGAN = stream_began_at(OUTPUTS.users_stream_arn)
BEFORE = "2025-05-05T05:05:05.000Z"
SINCE = "2026-11-24T12:00:00.000Z"


class World:
    """The Users table with its stream, both of which others use while a backfill runs."""

    def __init__(self, folder: Path, actions: Iterator[str], *, dated: bool) -> None:
        self.stack = StackInMemory(random.Random(1))  # noqa: S311  a test's dice
        self.folder = folder
        self.actions = actions
        self.dated = dated
        self.pending: list[JsonObject] = []
        self.positions = itertools.count()
        self.stack.user_table.before = self.somebody_acts
        self.stack.function.before = self.somebody_acts

    def add_before_the_stream(self, user_id: str) -> None:
        times = {"createdAt": {"S": BEFORE}, "updatedAt": {"S": BEFORE}} if self.dated else {}
        self.stack.user_table.items[user_id] = {"userId": {"S": user_id}, "name": {"S": "as created"}, **times}

    def somebody_acts(self) -> None:
        action, _, user_id = next(self.actions, "").partition(" ")
        users = self.stack.user_table.items
        if action == "register" and user_id not in users:
            self.write(user_id, {"userId": {"S": user_id}, "name": {"S": "new"}, **self.times(SINCE)})
        elif action == "import" and user_id not in users:
            self.write(user_id, {"userId": {"S": user_id}, "name": {"S": "imported"}, **self.times(BEFORE)})
        elif action == "change" and user_id in users:
            changed = {"name": {"S": f"changed {next(self.positions)}"}, "updatedAt": {"S": SINCE}}
            self.write(user_id, users[user_id] | (changed if self.dated else {"name": changed["name"]}))
        elif action == "delete" and user_id in users:
            self.write(user_id, None)
        elif action == "deliver":
            self.deliver()
        elif action == "fail" and self.pending:
            self.stack.fail(self.pending.pop(0))

    def times(self, moment: str) -> Image:
        return {"createdAt": {"S": moment}, "updatedAt": {"S": moment}} if self.dated else {}

    def write(self, user_id: str, new: Image | None) -> None:
        old = self.stack.user_table.items.pop(user_id, None)
        if new is not None:
            self.stack.user_table.items[user_id] = new
        self.pending.append(stream_record(user_id, next(self.positions), old, new))

    def deliver(self) -> None:
        records, self.pending = self.pending, []
        if records:
            monitored, self.stack.function.before = self.stack.function.before, lambda: None
            steps, self.stack.step_limit.steps = self.stack.step_limit.steps, None
            self.stack.function.invoke(records)
            self.stack.step_limit.steps = steps
            self.stack.function.before = monitored

    def sleep(self, seconds: float) -> None:
        """In a pause, a delivery that isn't behind brings all that was written."""
        self.stack.clock.pass_by(seconds)
        if seconds >= 1:
            self.deliver()

    def backfill(self, steps: int | None) -> BackfillReport | None:
        self.stack.restart(steps)
        work = Job(now=self.stack.clock.now, sleep=self.sleep)
        try:
            return Backfill(self.stack, self.folder / "checkpoint.json", work, users_per_second=1e9).run()
        except KilledError:
            return None
        finally:
            self.stack.restart()
            self.stack.clock.pass_by(60)

    def replay(self) -> None:
        self.stack.clock.pass_by(VISIBILITY_TIMEOUT + 1)
        replay_db = ReplayDb(self.folder / "replay.sqlite")
        work = Job(now=self.stack.clock.now, sleep=self.sleep)
        try:
            assert Replay(self.stack, Selection(), replay_db, work, batch_size=10).run().left == 0
        finally:
            replay_db.close()

    def histories(self) -> dict[str, list[Image]]:
        histories: dict[str, list[Image]] = {}
        for key in sorted(self.stack.table.items):
            histories.setdefault(key[0], []).append(self.stack.table.items[key])
        return histories


def stream_record(user_id: str, position: int, old: Image | None, new: Image | None) -> JsonObject:
    images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
    return {
        "eventID": f"{position:032x}",
        "eventName": "REMOVE" if new is None else "INSERT" if old is None else "MODIFY",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": OUTPUTS.users_stream_arn,
        "dynamodb": {
            "ApproximateCreationDateTime": int(BEGAN) + 3600 + position,
            "Keys": {"userId": {"S": user_id}},
            "SequenceNumber": str(FIRST_SEQUENCE_NUMBER + position),
            **images,
        },
    }


def replayed_image(history: list[Image]) -> Image:
    """Return what the user is in the end, if one believes the history."""
    image: Image = {}
    for item in history:
        for name, change in item["changes"]["M"].items():
            assert image.get(name) == change["M"].get("old")
            image = {key: value for key, value in image.items() if key != name}
            if "new" in change["M"]:
                image[name] = change["M"]["new"]
    return image


OLD_USERS = [f"old-{number}" for number in range(8)]
USERS = st.sampled_from([*OLD_USERS, "new-1", "new-2", "new-3"])
ACTIONS = st.one_of(
    st.just(""),
    st.just("deliver"),
    st.just("fail"),
    st.tuples(st.sampled_from(["register", "import", "change", "change", "delete"]), USERS).map(" ".join),
)


@given(
    actions=st.lists(ACTIONS, max_size=25),
    kills=st.lists(st.integers(0, 60), max_size=3),
    dated=st.booleans(),
    earlier=st.lists(ACTIONS, max_size=8),
)
def test_every_user_is_added_exactly_once(
    actions: list[str], kills: list[int], earlier: list[str], *, dated: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="backfill-") as folder:
        world = World(Path(folder), iter([*earlier, *actions]), dated=dated)
        for user_id in OLD_USERS:
            world.add_before_the_stream(user_id)
        for _ in earlier:
            world.somebody_acts()
        for steps in [*kills, None, None]:
            world.backfill(steps)
        for _ in actions:
            world.somebody_acts()
        world.deliver()
        world.replay()
        world.backfill(None)

        stored = world.stack.user_table.items
        histories = world.histories()
        for user_id, history in histories.items():
            kinds = [item["kind"]["S"] for item in history]
            lives = [kind for kind in kinds if kind != "UPDATED"]
            assert all(first != second for first, second in itertools.pairwise(lives)), (user_id, kinds)
            if kinds[0] == "ADDED":
                assert replayed_image(history) == stored.get(user_id, {})
        assert set(stored) <= {
            user_id for user_id, history in histories.items() if history[0]["kind"]["S"] == "ADDED"
        } | {user_id for user_id, history in histories.items() if "DELETED" in {item["kind"]["S"] for item in history}}
