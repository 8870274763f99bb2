"""How far a verification came, in SQLite: memory stays flat, and a killed one continues.

First it reads the three tables and notes whom to look at again; then it settles each of these.
"""

import fcntl
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ops.errors import OpsError
from ops.users.findings import Finding, Problem

_SCHEMA = """
CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS candidate (
    kind TEXT NOT NULL,             -- users (their keys), keys, histories
    id TEXT NOT NULL,               -- of a user, or a key
    mark TEXT NOT NULL,             -- the user as it was seen
    open INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS open_candidates ON candidate (kind, id) WHERE open;
CREATE TABLE IF NOT EXISTS finding (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    problem TEXT NOT NULL,
    finding TEXT NOT NULL,
    repaired INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS finding_of_candidate ON finding (kind, id);
CREATE TABLE IF NOT EXISTS wanted (key TEXT PRIMARY KEY, user_id TEXT NOT NULL) WITHOUT ROWID;
"""


class Candidate(NamedTuple):
    """A user or key to look at again."""

    id: str
    mark: str = ""


class VerifyDb:
    """The file, locked for one process; an OpsError if another has it."""

    def __init__(self, path: Path, *, restart: bool = False) -> None:
        self._path = path
        self._lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise OpsError(
                f"Another verification of this stack runs on this machine: it has {path}",
                "wait for its end, or end it with Ctrl-C",
            ) from error
        if restart:
            self._delete()
        try:
            self._database = _open(path)
        except sqlite3.DatabaseError:  # the machine went down during a write
            self._delete()
            self._database = _open(path)

    def close(self, *, delete: bool = False) -> None:
        """Release the lock; the content stays for the next run, unless it is to be deleted."""
        self._database.close()
        if delete:
            self._delete()
        os.close(self._lock)

    def _delete(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

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

    def get(self, name: str, default: str = "") -> str:
        """Return a stored text."""
        row = self._database.execute("SELECT value FROM progress WHERE name = ?", (name,)).fetchone()
        return row[0] if row else default

    def set(self, name: str, value: str) -> None:
        """Store a text."""
        self._database.execute("INSERT OR REPLACE INTO progress VALUES (?, ?)", (name, value))

    def add(self, kind: str, candidates: Iterable[Candidate]) -> None:
        """Note whom to look at again; one who is noted already keeps the newer mark."""
        self._database.executemany(
            "INSERT INTO candidate (kind, id, mark) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET mark = excluded.mark, open = 1",
            [(kind, *candidate) for candidate in candidates],
        )

    def open(self, kind: str, after: str = "", limit: int = 1) -> list[Candidate]:
        """Return some of the unsettled candidates of a kind, in order."""
        rows = self._database.execute(
            "SELECT id, mark FROM candidate WHERE open AND kind = ? AND id > ? ORDER BY id LIMIT ?",
            (kind, after, limit),
        )
        return [Candidate(*row) for row in rows]

    def settle(self, kind: str, id_: str, findings: Sequence[tuple[Finding, bool]]) -> None:
        """Store a candidate's findings, and whether each is repaired."""
        self._database.execute("UPDATE candidate SET open = 0 WHERE kind = ? AND id = ?", (kind, id_))
        self._database.execute("DELETE FROM finding WHERE kind = ? AND id = ?", (kind, id_))
        self._database.executemany(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?)",
            [(kind, id_, one.problem.value, json.dumps(one), repaired) for one, repaired in findings],
        )

    def reopen(self) -> None:
        """Unsettle what has a problem left, because this run repairs, or no longer does."""
        self._database.executescript(
            "UPDATE candidate SET open = 1 WHERE (kind, id) IN (SELECT kind, id FROM finding WHERE NOT repaired);"
            "DELETE FROM finding WHERE NOT repaired; DELETE FROM wanted;"
        )

    def wants(self, key: str, user_id: str) -> str:
        """Return the user who would get a free key: this one, or another one before."""
        self._database.execute("INSERT OR IGNORE INTO wanted VALUES (?, ?)", (key, user_id))
        return self._database.execute("SELECT user_id FROM wanted WHERE key = ?", (key,)).fetchone()[0]

    def counts(self, *, repaired: bool) -> Counter[Problem]:
        """Return the number of findings by problem; one that two candidates tell of counts once."""
        rows = self._database.execute(
            "SELECT problem, count(DISTINCT finding) FROM finding WHERE repaired = ? GROUP BY problem", (repaired,)
        )
        return Counter({Problem(problem): number for problem, number in rows})

    def findings(self, limit: int) -> list[Finding]:
        """Return the first findings that aren't repaired."""
        rows = self._database.execute(
            "SELECT finding FROM finding WHERE NOT repaired GROUP BY finding ORDER BY min(kind), min(id) LIMIT ?",
            (limit,),
        )
        found = (json.loads(text) for (text,) in rows)
        return [Finding(Problem(problem), *rest) for problem, *rest in found]


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # its content is personal data
    database = sqlite3.connect(path, isolation_level=None)
    try:
        # A killed process leaves the file intact; what a power failure takes is found again.
        database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _SCHEMA)
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database
