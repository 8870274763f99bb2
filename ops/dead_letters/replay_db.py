"""A replay's messages in flight and their changes in SQLite, sorted on disk: memory stays flat.

The queue stays the only store of the messages; this database may be lost at any time, and removing
a row deletes no message. After a replay that was killed, the next one finds the receipt handles
here and releases the messages at once.
"""

import fcntl
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ops.dead_letters.message import DeadLetter, ReplayOutcome
from ops.dead_letters.record import ReplayableChange
from ops.errors import OpsError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS in_flight (
    message_id TEXT PRIMARY KEY,
    receipt TEXT NOT NULL,
    until REAL NOT NULL,            -- epoch seconds; the message becomes visible again then
    sent_at REAL NOT NULL,
    identity TEXT                   -- of its change; NULL if the message isn't to be replayed
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS in_flight_by_identity ON in_flight (identity);
CREATE INDEX IF NOT EXISTS in_flight_by_receipt ON in_flight (receipt);
CREATE TABLE IF NOT EXISTS change (
    identity TEXT PRIMARY KEY,
    consumer TEXT NOT NULL,
    failure_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    change_id TEXT NOT NULL,        -- 40 digits: text order is number order
    event_id TEXT NOT NULL,
    record TEXT,                    -- NULL once there is an outcome
    outcome TEXT,                   -- NULL while pending
    detail TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS change_in_order ON change (consumer, change_id, identity) WHERE outcome IS NULL;
CREATE INDEX IF NOT EXISTS stuck_users ON change (consumer, user_id, change_id)
    WHERE outcome IN ('failed', 'waiting');
"""

_VERSION = 2
"""Of the table `change`, in user_version. A killed replay of an older command may leave another."""

_ROWS_PER_READ = 5_000


class PendingChange(NamedTuple):
    """A change without an outcome, and the failure that it belongs to."""

    failure_id: str
    change: ReplayableChange


class ReplayFailure(NamedTuple):
    """A change that was not replayed, and why."""

    failure_id: str
    user_id: str
    outcome: ReplayOutcome
    detail: str
    consumer: str


class ReplayDb:
    """The database file, locked for one process; an OpsError if another has it."""

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
        except sqlite3.DatabaseError:  # the machine went down during a write
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._database = _open(path)

    def close(self) -> None:
        """Release the lock; the content stays."""
        self._database.close()
        os.close(self._lock)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Write everything in the block, or nothing."""
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def add(self, letter: DeadLetter, until: float, change: ReplayableChange | None) -> tuple[bool, bool]:
        """Store a message and its change to replay, if any; say whether the two are new."""
        message = letter.message
        updated = self._database.execute(
            "UPDATE in_flight SET receipt = ?, until = ? WHERE message_id = ?",
            (message.receipt, until, message.message_id),
        )
        if not updated.rowcount:
            self._database.execute(
                "INSERT INTO in_flight VALUES (?, ?, ?, ?, ?)",
                (message.message_id, message.receipt, until, message.sent_at, change.identity if change else None),
            )
        message_is_new = not updated.rowcount
        if change is None:
            return message_is_new, False
        record = json.dumps(change.record, separators=(",", ":"))
        added = self._database.execute(
            "INSERT OR IGNORE INTO change VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
            (
                change.identity,
                change.consumer,
                letter.failure_id,
                change.user_id,
                change.change_id,
                change.event_id,
                record,
            ),
        )
        return message_is_new, added.rowcount == 1

    def outcome(self, identity: str) -> ReplayOutcome | None:
        """Return the outcome of a change; None if it is pending or unknown."""
        row = self._database.execute("SELECT outcome FROM change WHERE identity = ?", (identity,)).fetchone()
        return ReplayOutcome(row[0]) if row and row[0] else None

    def next_changes(self, consumer: str, limit: int, max_bytes: int) -> list[PendingChange]:
        """Return a consumer's first pending changes in order, at least one unless none is left."""
        rows = self._database.execute(
            "SELECT failure_id, user_id, change_id, event_id, record, identity FROM change "
            "WHERE outcome IS NULL AND consumer = ? ORDER BY change_id, identity LIMIT ?",
            (consumer, limit),
        )
        changes: list[PendingChange] = []
        size = 0
        for failure_id, user_id, place, event_id, text, identity in rows:
            size += len(text)
            if changes and size > max_bytes:
                break
            change = ReplayableChange(
                consumer=consumer,
                user_id=user_id,
                change_id=place,
                event_id=event_id,
                record=json.loads(text),
                identity=identity,
            )
            changes.append(PendingChange(failure_id, change))
        return changes

    def receipts(self, identities: Sequence[str]) -> list[str]:
        """Return the receipt handles of all messages that carry these changes."""
        return [receipt for identity in identities for receipt in self._receipts("WHERE identity = ?", identity)]

    def _receipts(self, condition: str, *values: str) -> list[str]:
        rows = self._database.execute(f"SELECT receipt FROM in_flight {condition}", values)  # noqa: S608  no value
        return [receipt for (receipt,) in rows]

    def extend(self, receipts: Sequence[str], until: float) -> None:
        """Store a new end of the visibility timeout."""
        with self.transaction():
            self._database.executemany(
                "UPDATE in_flight SET until = ? WHERE receipt = ?", [(until, receipt) for receipt in receipts]
            )

    def remove_messages(self, receipts: Iterable[str]) -> None:
        """Remove the rows of messages that were deleted or are no longer in flight here."""
        with self.transaction():
            self._database.executemany("DELETE FROM in_flight WHERE receipt = ?", [(receipt,) for receipt in receipts])

    def remove_changes_without_message(self) -> None:
        """Remove the pending changes none of whose messages is in flight, as if never received."""
        self._database.execute(
            "DELETE FROM change WHERE outcome IS NULL "
            "AND NOT EXISTS (SELECT 1 FROM in_flight WHERE in_flight.identity = change.identity)"
        )

    def settle(self, identity: str, outcome: ReplayOutcome, detail: str | None) -> None:
        """Store the outcome of a change."""
        self._database.execute(
            "UPDATE change SET outcome = ?, detail = ?, record = NULL WHERE identity = ?", (outcome, detail, identity)
        )

    def hold_back_later_changes(self) -> None:
        """Give each pending change after a failed one of its user and consumer `waiting`."""
        self._database.execute(
            "UPDATE change SET outcome = 'waiting', record = NULL, detail = 'an earlier change of this user failed' "
            "WHERE outcome IS NULL AND EXISTS (SELECT 1 FROM change AS earlier WHERE "
            "earlier.consumer = change.consumer AND earlier.user_id = change.user_id "
            "AND earlier.outcome IN ('failed', 'waiting') AND earlier.change_id < change.change_id)"
        )

    def refused_copies(self) -> list[str]:
        """Return the receipt handles of all but the newest message of each refused change."""
        return self._receipts(
            "JOIN change USING (identity) WHERE outcome = 'refused' AND EXISTS ("
            "SELECT 1 FROM in_flight AS newer WHERE newer.identity = in_flight.identity "
            "AND (newer.sent_at, newer.message_id) > (in_flight.sent_at, in_flight.message_id))"
        )

    def replayed_messages(self) -> list[str]:
        """Return the receipt handles in flight of processed changes."""
        return self._receipts("JOIN change USING (identity) WHERE outcome = 'replayed'")

    def in_flight(self) -> Iterator[list[tuple[str, float]]]:
        """Yield the receipt handles in flight and until when, a few thousand at a time."""
        last = ""
        while rows := self._database.execute(
            "SELECT message_id, receipt, until FROM in_flight WHERE message_id > ? ORDER BY message_id LIMIT ?",
            (last, _ROWS_PER_READ),
        ).fetchall():
            yield [(receipt, until) for _, receipt, until in rows]
            last = rows[-1][0]

    def pending_counts(self) -> Counter[str]:
        """Return the number of pending changes by consumer."""
        rows = self._database.execute("SELECT consumer, count(*) FROM change WHERE outcome IS NULL GROUP BY consumer")
        return Counter(dict(rows.fetchall()))

    def counts(self) -> dict[str, Counter[ReplayOutcome]]:
        """Return the number of changes by consumer and outcome."""
        rows = self._database.execute(
            "SELECT consumer, outcome, count(*) FROM change WHERE outcome IS NOT NULL GROUP BY consumer, outcome"
        )
        counts: dict[str, Counter[ReplayOutcome]] = {}
        for consumer, outcome, number in rows:
            counts.setdefault(consumer, Counter())[ReplayOutcome(outcome)] = number
        return counts

    def failures(self, limit: int) -> list[ReplayFailure]:
        """Return the first changes that were not replayed, in order."""
        rows = self._database.execute(
            "SELECT failure_id, user_id, outcome, coalesce(detail, ''), consumer FROM change "
            "WHERE outcome IN ('refused', 'failed', 'waiting') ORDER BY change_id, consumer LIMIT ?",
            (limit,),
        )
        return [ReplayFailure(failure, user, ReplayOutcome(outcome), *rest) for failure, user, outcome, *rest in rows]

    def clear(self) -> None:
        """Remove all rows, once the messages are released."""
        self._database.executescript("DELETE FROM in_flight; DELETE FROM change;")


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # its content is personal data
    database = sqlite3.connect(path, isolation_level=None)
    try:
        # A killed process leaves the file intact; a power failure may not, but these are copies.
        database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            database.execute("DROP TABLE IF EXISTS change")
        database.executescript(f"{_SCHEMA} PRAGMA user_version = {_VERSION};")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database
