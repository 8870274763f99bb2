"""Replay, backfill and verification take no more memory for more work."""

import itertools
import tracemalloc
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from typing_extensions import override

from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import Image
from ops.aws.function import InvocationResult
from ops.aws.queues import Message, MessageQueue, QueueDepth
from ops.aws.tables import ActivityKey, UsersPage
from ops.aws.user_keys import KeyRepair
from ops.dead_letters.replay import Replay
from ops.dead_letters.replay_db import ReplayDb
from ops.dead_letters.selection import Selection
from ops.job import Job
from ops.users.backfill import Backfill
from ops.users.verify import Verify
from ops.users.verify_db import VerifyDb
from tests.support.ops.ops_in_memory import ActivityReaderInMemory, StackInMemory, UsersInMemory, activity_key, envelope
from tests.support.ops.user_keys_in_memory import UserKeysInMemory
from tests.support.records.record_strategies import stream_record

FEW, MANY = 500, 2_500

RECORD_BYTES = 5_000
GROWTH_PER_RECORD = 500
"""Allowed: parsers and interned strings keep something of the first records, up to a bound."""


class MadeUpQueue(MessageQueue):
    """A queue of any length that stores nothing: each message is made when it is received."""

    name = "made-up"

    def __init__(self, length: int) -> None:
        self._left = iter(range(length))
        self.removed = 0

    def receive(self, visibility_timeout: int) -> Sequence[Message]:
        assert visibility_timeout
        return [
            Message(
                message_id=f"{number}", receipt=f"receipt {number}", body=body(number), sent_at=0.0, receive_count=1
            )
            for number in itertools.islice(self._left, 10)
        ]

    def release(self, receipts: Sequence[str]) -> None:
        assert not receipts

    def change_visibility(self, receipts: Sequence[str], visibility_timeout: int) -> frozenset[str]:
        raise NotImplementedError

    def delete(self, receipts: Sequence[str]) -> frozenset[str]:
        self.removed += len(receipts)
        return frozenset()

    def depth(self) -> QueueDepth:
        return QueueDepth(0, 0, 0)


def body(number: int) -> str:
    image = {"userId": {"S": "x"}, "biography": {"S": "y" * RECORD_BYTES}}
    return envelope(stream_record("INSERT", number, f"user {number % 10}", None, image)).to_json()


class LastBatch(ActivityReaderInMemory):
    """A function and an Activity table in one, which remembers the last batch alone."""

    def __init__(self, stack: StackInMemory) -> None:
        super().__init__(stack.table, stack.step_limit)
        self._items: dict[ActivityKey, str] = {}
        self.taken = 0

    def variable(self, name: str) -> str:
        assert name == "ACTIVITY_RETENTION_DAYS"
        return "30"

    def invoke(self, records: Sequence[JsonObject]) -> InvocationResult:
        self._items = {activity_key(record): record["eventID"] for record in records}
        self.taken += len(records)
        return InvocationResult()

    @override
    def event_ids(self, keys: Sequence[ActivityKey]) -> Mapping[ActivityKey, str]:
        return self._items


class ForgetfulKeys(UserKeysInMemory):
    """A table whose keys are always free."""

    def __init__(self) -> None:
        super().__init__({}, made_up_user)

    @override
    def repair(self, repairs: Sequence[KeyRepair]) -> list[bool]:
        return [True] * len(repairs)


def made_up_user(user_id: str) -> Image:
    return {
        "userId": {"S": user_id},
        "email": {"S": f"{user_id}@example.com"},
        "biography": {"S": "y" * RECORD_BYTES},
    }


class MadeUpUsers(UsersInMemory):
    """A table of any length that stores nothing."""

    def __init__(self, stack: StackInMemory, length: int) -> None:
        super().__init__(stack.step_limit)
        self._length = length

    @override
    def page(self, after: str | None) -> UsersPage:
        start = 0 if after is None else int(after) + 1
        page = range(start, min(start + 100, self._length))
        users = [made_up_user(f"{number}") for number in page]
        return UsersPage(users, f"{page[-1]}" if page[-1] + 1 < self._length else None)

    @override
    def images(self, user_ids: Iterable[str], attributes: Sequence[str] = ()) -> dict[str, Image]:
        return {user_id: made_up_user(user_id) for user_id in user_ids}


def growth_per_record(do: Callable[[int], None]) -> float:
    """By how many bytes the peak grows with each more record."""
    do(10)  # what is made once, at the first use, is no growth
    few, many = (peak_bytes(do, length) for length in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def peak_bytes(do: Callable[[int], None], length: int) -> int:
    tracemalloc.start()
    try:
        do(length)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def work(stack: StackInMemory) -> Job:
    return Job(now=stack.clock.now, sleep=stack.clock.pass_by)


def test_the_memory_of_a_replay_stays_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replay(length: int) -> None:
        stack = StackInMemory()
        queue, last_batch = MadeUpQueue(length), LastBatch(stack)
        monkeypatch.setattr(stack, "dead_letter_queue", lambda: queue)
        monkeypatch.setattr(stack, "stream_function", lambda: last_batch)
        monkeypatch.setattr(stack, "activity", lambda: last_batch)
        replay_db = ReplayDb(tmp_path / f"{length}.sqlite")
        try:
            report = Replay(stack, Selection(), replay_db, work(stack), batch_size=100).run()
        finally:
            replay_db.close()
        assert (report.replayed, queue.removed) == (length, length)

    assert growth_per_record(replay) < GROWTH_PER_RECORD


def test_the_memory_of_a_backfill_stays_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.users.backfill.USERS_PER_ROUND", 100)

    def backfill(length: int) -> None:
        stack = StackInMemory()
        last_batch = LastBatch(stack)
        monkeypatch.setattr(stack, "users", lambda: MadeUpUsers(stack, length))
        monkeypatch.setattr(stack, "stream_function", lambda: last_batch)
        monkeypatch.setattr(stack, "activity", lambda: last_batch)
        report = Backfill(stack, tmp_path / f"{length}.json", work(stack), users_per_second=1e9).run()
        assert (report.checkpoint.backfilled, last_batch.taken, report.error) == (length, length, None)

    assert growth_per_record(backfill) < GROWTH_PER_RECORD


@pytest.mark.parametrize("repair", [False, True])
def test_the_memory_of_a_verification_stays_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, repair: bool
) -> None:
    """Every user lacks a key and a history: the most that there can be to look at again."""
    monkeypatch.setattr("ops.users.verify.FINDINGS_SHOWN", 10)

    def verify(length: int) -> None:
        stack = StackInMemory()
        last_batch, keys = LastBatch(stack), ForgetfulKeys()
        monkeypatch.setattr(stack, "users", lambda: MadeUpUsers(stack, length))
        monkeypatch.setattr(stack, "user_keys", lambda: keys)
        monkeypatch.setattr(stack, "stream_function", lambda: last_batch)
        monkeypatch.setattr(stack, "activity", lambda: last_batch)
        with closing(VerifyDb(tmp_path / f"{length}.sqlite", restart=True)) as progress:
            report = Verify(stack, progress, work(stack), items_per_second=1e9, repair=repair).run()
        assert (report.read["users"], report.finished, report.error) == (length, True, None)
        assert report.repaired.total() == (2 * length if repair else 0)
        assert report.found.total() == (0 if repair else 2 * length)
        assert len(report.findings) == (0 if repair else 10)

    assert growth_per_record(verify) < GROWTH_PER_RECORD
