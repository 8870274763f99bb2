"""Claims on paper: what a run would write is kept beside the table, so that users who share a value meet here too."""

import sqlite3
from collections.abc import Mapping, Sequence

from ops.user_keys_table import Claim, Refusal, UserKeysTable


class PlannedKeys:
    """A `UserKeysTable` that writes nothing to the one it stands on."""

    def __init__(self, table: UserKeysTable) -> None:
        self._table = table
        # Without a name it is a file of SQLite's own, gone with the connection: memory stays flat.
        self._plan = sqlite3.connect("", isolation_level=None)
        self._plan.execute("CREATE TABLE planned (key TEXT PRIMARY KEY, user_id TEXT NOT NULL) WITHOUT ROWID")

    def close(self) -> None:
        """Forget the plan."""
        self._plan.close()

    def holders(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Ask the table first, then the plan."""
        found = dict(self._table.holders(keys))
        planned = {key: holder for key in keys if key not in found and (holder := self._planned(key)) is not None}
        return found | planned

    def claim(self, claims: Sequence[Claim]) -> Sequence[Refusal | None]:
        """Plan each claim; the keys are free in the table, or nobody would claim them."""
        return [self._claim(claim) for claim in claims]

    def _claim(self, claim: Claim) -> Refusal | None:
        holders = {name: self._planned(key) for name, key in claim.keys.items()}
        others = {name: holder for name, holder in holders.items() if holder not in (None, claim.user_id)}
        if others:
            return Refusal(holders=others)
        self._plan.executemany(
            "INSERT OR IGNORE INTO planned VALUES (?, ?)", [(key, claim.user_id) for key in claim.keys.values()]
        )
        return None

    def _planned(self, key: str) -> str | None:
        row = self._plan.execute("SELECT user_id FROM planned WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]
