"""What a replay holds at the moment, on disk: sorted there, so that memory stays flat however many messages there are.

The queue stays the only keeper of the messages; the spool may be lost at any time. It is also how a replay that was
killed is cleaned up after: the next one finds the receipts and gives the messages back at once.
"""

import fcntl
import json
import os
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from functions.runtime.json_log import JsonObject
from ops.aws.sqs import Message
from ops.dead_letters.message import ReplayableChange
from ops.dead_letters.redelivery import Outcome
from ops.errors import OpsError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS held (
    message_id TEXT PRIMARY KEY,
    receipt TEXT NOT NULL,
    until REAL NOT NULL,            -- epoch seconds; the message is hidden from others so long
    sent_at REAL NOT NULL,
    identity TEXT                   -- of its change; NULL when the message isn't to be replayed
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_by_identity ON held (identity);
CREATE INDEX IF NOT EXISTS held_by_receipt ON held (receipt);
CREATE TABLE IF NOT EXISTS change (
    identity TEXT PRIMARY KEY,
    failure_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    change_id TEXT NOT NULL,        -- 40 digits: text order is number order
    event_id TEXT NOT NULL,
    record TEXT,                    -- NULL once there is an outcome
    outcome TEXT,                   -- NULL while it waits for its turn
    detail TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS change_in_order ON change (change_id, identity) WHERE outcome IS NULL;
CREATE INDEX IF NOT EXISTS stuck_users ON change (user_id, change_id) WHERE outcome IN ('failed', 'waiting');
"""

_CHUNK = 5_000


class Held(NamedTuple):
    """A received message's receipt, and until when (epoch seconds) it hides the message from others."""

    receipt: str
    until: float


class Hold(NamedTuple):
    """What holding a message has added."""

    message_is_new: bool
    change_is_new: bool


class SpooledChange(NamedTuple):
    """A change that waits for its turn."""

    identity: str
    failure_id: str
    user_id: str
    change_id: str
    event_id: str
    record: JsonObject


class Failure(NamedTuple):
    """A change that was not replayed, and why."""

    failure_id: str
    user_id: str
    outcome: Outcome
    detail: str


class Spool:
    """The held messages and the changes in them; one process at a time has it.

    Raises:
        OpsError: Another process has it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise OpsError(
                f"Another replay of this stack runs on this machine: it has {path}",
                "wait for its end, or end it with Ctrl-C",
            ) from error
        try:
            self._database = _open(path)
        except sqlite3.DatabaseError:  # the machine went down in the middle of a write
            self._delete_files()
            self._database = _open(path)

    def close(self) -> None:
        """Let go of it, keeping what is in it."""
        self._database.close()
        os.close(self._lock)

    def delete(self) -> None:
        """Let go of it for good."""
        self._database.close()
        self._delete_files()
        os.close(self._lock)

    def _delete_files(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    @contextmanager
    def together(self) -> Generator[None]:
        """Write all of the block at once, or nothing of it."""
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def hold(self, message: Message, until: float, change: ReplayableChange | None, failure_id: str) -> Hold:
        """Note a received message, and its change where it is to be replayed; say which of the two are new."""
        refreshed = self._database.execute(
            "UPDATE held SET receipt = ?, until = ? WHERE message_id = ?", (message.receipt, until, message.message_id)
        )
        if not refreshed.rowcount:
            self._database.execute(
                "INSERT INTO held VALUES (?, ?, ?, ?, ?)",
                (message.message_id, message.receipt, until, message.sent_at, change.identity if change else None),
            )
        return Hold(not refreshed.rowcount, change is not None and self._add(change, failure_id))

    def _add(self, change: ReplayableChange, failure_id: str) -> bool:
        record = json.dumps(change.record, separators=(",", ":"))
        added = self._database.execute(
            "INSERT OR IGNORE INTO change VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
            (change.identity, failure_id, change.user_id, change.change_id, change.event_id, record),
        )
        return added.rowcount == 1

    def outcome(self, identity: str) -> Outcome | None:
        """Return what came of a change; None while it waits for its turn, or was never seen."""
        row = self._database.execute("SELECT outcome FROM change WHERE identity = ?", (identity,)).fetchone()
        return Outcome(row[0]) if row and row[0] else None

    def next_changes(self, limit: int, most_bytes: int) -> list[SpooledChange]:
        """Return the first of the waiting changes, in the order of their sequence numbers."""
        rows = self._database.execute(
            "SELECT identity, failure_id, user_id, change_id, event_id, record FROM change "
            "WHERE outcome IS NULL ORDER BY change_id, identity LIMIT ?",
            (limit,),
        )
        changes: list[SpooledChange] = []
        size = 0
        for row in rows:
            size += len(row[-1])
            if changes and size > most_bytes:
                break
            identity, failure_id, user_id, change_id, event_id, text = row
            changes.append(SpooledChange(identity, failure_id, user_id, change_id, event_id, json.loads(text)))
        return changes

    def receipts(self, identities: Sequence[str]) -> dict[str, list[Held]]:
        """Return the receipts of all messages that carry these changes, by change."""
        found: dict[str, list[Held]] = {identity: [] for identity in identities}
        for identity in identities:
            for row in self._database.execute(
                "SELECT receipt, until FROM held WHERE identity = ? ORDER BY sent_at, message_id", (identity,)
            ):
                found[identity].append(Held(*row))
        return found

    def prolong(self, receipts: Sequence[str], until: float) -> None:
        """Note that messages are hidden for longer."""
        with self.together():
            self._database.executemany(
                "UPDATE held SET until = ? WHERE receipt = ?", [(until, receipt) for receipt in receipts]
            )

    def drop(self, receipts: Sequence[str]) -> None:
        """Forget messages that are no longer ours: removed, or free for others again."""
        with self.together():
            self._database.executemany("DELETE FROM held WHERE receipt = ?", [(receipt,) for receipt in receipts])

    def forget_unheld(self) -> None:
        """Forget waiting changes of which no message is held any more, as if they had never been seen."""
        self._database.execute(
            "DELETE FROM change WHERE outcome IS NULL "
            "AND NOT EXISTS (SELECT 1 FROM held WHERE held.identity = change.identity)"
        )

    def settle(self, identity: str, outcome: Outcome, detail: str | None) -> None:
        """Note what came of a change."""
        self._database.execute(
            "UPDATE change SET outcome = ?, detail = ?, record = NULL WHERE identity = ?", (outcome, detail, identity)
        )

    def describe(self, identity: str, detail: str) -> None:
        """Note a newer reason of a change's failure."""
        self._database.execute("UPDATE change SET detail = ? WHERE identity = ?", (detail, identity))

    def hold_back_later_changes(self) -> int:
        """Settle as waiting each change whose user has an earlier one that failed in this run; return how many."""
        return self._database.execute(
            "UPDATE change SET outcome = 'waiting', record = NULL, detail = 'an earlier change of this user failed' "
            "WHERE outcome IS NULL AND EXISTS (SELECT 1 FROM change AS earlier WHERE earlier.user_id = change.user_id "
            "AND earlier.outcome IN ('failed', 'waiting') AND earlier.change_id < change.change_id)"
        ).rowcount

    def surplus_copies(self) -> list[str]:
        """Return the receipts of all but the newest message of each change that the function refused."""
        rows = self._database.execute(
            "SELECT receipt FROM held JOIN change USING (identity) WHERE outcome = 'refused' AND EXISTS ("
            "SELECT 1 FROM held AS newer WHERE newer.identity = held.identity "
            "AND (newer.sent_at, newer.message_id) > (held.sent_at, held.message_id))"
        )
        return [row[0] for row in rows]

    def done_with(self) -> list[str]:
        """Return the receipts of messages that are held although their change is processed."""
        rows = self._database.execute(
            "SELECT receipt FROM held JOIN change USING (identity) WHERE outcome = 'replayed'"
        )
        return [row[0] for row in rows]

    def held(self) -> Iterator[list[Held]]:
        """Yield all receipts, a few thousand at a time."""
        last = ""
        while rows := self._database.execute(
            "SELECT message_id, receipt, until FROM held WHERE message_id > ? ORDER BY message_id LIMIT ?",
            (last, _CHUNK),
        ).fetchall():
            yield [Held(receipt, until) for _, receipt, until in rows]
            last = rows[-1][0]

    def waiting_count(self) -> int:
        """Return how many changes wait for their turn."""
        return self._database.execute("SELECT count(*) FROM change WHERE outcome IS NULL").fetchone()[0]

    def counts(self) -> dict[Outcome, int]:
        """Return how many changes came to each outcome."""
        rows = self._database.execute("SELECT outcome, count(*) FROM change WHERE outcome IS NOT NULL GROUP BY outcome")
        return {Outcome(outcome): number for outcome, number in rows}

    def failures(self, limit: int) -> list[Failure]:
        """Return changes that were not replayed, in order."""
        rows = self._database.execute(
            "SELECT failure_id, user_id, outcome, coalesce(detail, '') FROM change "
            "WHERE outcome IN ('refused', 'failed', 'waiting') ORDER BY change_id LIMIT ?",
            (limit,),
        )
        return [Failure(failure_id, user_id, Outcome(outcome), detail) for failure_id, user_id, outcome, detail in rows]

    def release(self) -> None:
        """Forget all messages: they were given back."""
        self._database.execute("DELETE FROM held")

    def clear(self) -> None:
        """Forget all changes."""
        self._database.execute("DELETE FROM change")


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # its content is personal data
    database = sqlite3.connect(path, isolation_level=None)
    # A killed process leaves it whole. A machine that goes down may not: nothing in here is the only copy of anything.
    database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _SCHEMA)
    return database
