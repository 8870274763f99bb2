"""Claim the keys of unique values for users who didn't register.

A key is written only if it is free, and only while the user is stored with its value: one
transaction checks both. So a key never changes its owner, and a user who leaves or takes another
value at the same moment leaves no key behind. Users who have their keys are only read: a run that
was killed and starts again writes what is left.
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from typing_extensions import override

from functions.stream_records.attribute_values import Image
from functions.users.attributes import ATTRIBUTES, Attribute
from functions.users.user import keys_of
from ops.aws.tables import ClaimRefusal, KeyClaim, UserKeysTable, UsersReader
from ops.errors import OpsError
from ops.job import Job, in_batches
from ops.users.backfill_records import user_id_of

USERS_PER_BATCH = 200
"""At most; fewer at a low rate, so that a stop is noticed within about a second."""

ATTEMPTS = 5
"""At a claim; each fails only because of another write of the same user or the same key."""

PROBLEMS_SHOWN = 1_000


class KeyOutcome(StrEnum):
    """What became of one attribute of one user."""

    CLAIMED = "claimed"
    HELD = "held"  # the user had the key before
    WITHOUT = "without"  # the value is missing or empty: there is nothing to take
    USER_DELETED = "gone"
    TAKEN = "taken"  # another user owns the key
    NOT_TEXT = "not-text"
    TOO_LONG = "too-long"
    BUSY = "busy"  # every attempt met another write of the same user or key


PROBLEMS = frozenset({KeyOutcome.TAKEN, KeyOutcome.NOT_TEXT, KeyOutcome.TOO_LONG, KeyOutcome.BUSY})
"""Outcomes that leave a value without a key."""


class KeyProblem(NamedTuple):
    """A value whose user doesn't have its key."""

    user_id: str
    attribute: str
    value: str | None  # None if it isn't text
    outcome: KeyOutcome
    owner: str | None  # the user who has the key, if it is taken


@dataclass
class KeyClaimsReport:
    """What one run did."""

    users: int = 0
    outcomes: Counter[KeyOutcome] = field(default_factory=Counter[KeyOutcome])
    """Of each user's unique attributes."""
    problems: list[KeyProblem] = field(default_factory=list[KeyProblem])  # the first ones
    finished: bool = False
    error: OpsError | None = None

    @property
    def left(self) -> int:
        """The number of values without a key."""
        return sum(self.outcomes[outcome] for outcome in PROBLEMS)


class _User:
    """A user whose keys are being claimed."""

    def __init__(self, image: Image, attributes: Sequence[Attribute]) -> None:
        self._attributes = attributes
        self._unique = tuple(attribute.name for attribute in attributes if attribute.unique is not None)
        self.user_id = user_id_of(image)
        self.read(image)

    def read(self, image: Image) -> None:
        """Start with the values as stored."""
        self.values = {name: image[name]["S"] for name in self._unique if "S" in image.get(name, {})}
        self.keys = keys_of(self.values, self._attributes)
        self.owners: dict[str, str] = {}
        self.outcomes = {name: _without_key(image, name) for name in self._unique if name not in self.keys}

    def claim(self) -> KeyClaim:
        """Return the claim of the attributes without an outcome."""
        keys = {name: key for name, key in self.keys.items() if name not in self.outcomes}
        return KeyClaim(self.user_id, {name: self.values[name] for name in keys}, keys)

    def settle(self, outcome: KeyOutcome) -> None:
        """Give this outcome to the attributes without one."""
        self.outcomes |= dict.fromkeys(self.claim().keys, outcome)

    def apply(self, refusal: ClaimRefusal | None) -> None:
        """Settle what the response to the claim decides; None means that it was written."""
        if refusal is None:
            self.settle(KeyOutcome.CLAIMED)
        elif refusal.stored == {}:
            self.outcomes = dict.fromkeys(self._unique, KeyOutcome.USER_DELETED)
        elif refusal.stored is not None:
            # The owners read for the former values no longer count; the next claim finds its own.
            self.read(refusal.stored)
        else:
            self.outcomes |= dict.fromkeys(refusal.owners, KeyOutcome.TAKEN)
            self.owners |= refusal.owners


def _without_key(image: Image, name: str) -> KeyOutcome:
    value = image.get(name, {"NULL": True})
    if "NULL" in value or value == {"S": ""}:
        return KeyOutcome.WITHOUT
    return KeyOutcome.TOO_LONG if "S" in value else KeyOutcome.NOT_TEXT


class KeyClaims:
    """One run over the Users table; `DryRunKeys` in place of UserKeys only counts."""

    def __init__(
        self,
        users: UsersReader,
        user_keys: UserKeysTable,
        job: Job,
        *,
        users_per_second: float,
        attributes: Sequence[Attribute] = ATTRIBUTES,
    ) -> None:
        self._users = users
        self._user_keys = user_keys
        self._job = job
        self._attributes = attributes
        self._rate = users_per_second
        self._batch_size = max(1, int(min(USERS_PER_BATCH, users_per_second)))
        self.report = KeyClaimsReport()

    def run(self) -> KeyClaimsReport:
        """Read the table to its end, a stop or an error."""
        after: str | None = None
        try:
            while not self.report.finished:
                page = self._users.page(after)
                for batch in in_batches(page.users, self._batch_size):
                    if self._job.stop_requested():
                        return self.report
                    self._claim([_User(image, self._attributes) for image in batch])
                after = page.next_after
                self.report.finished = after is None
        except OpsError as error:
            self.report.error = error
        return self.report

    def _claim(self, users: Sequence[_User]) -> None:
        begun = self._job.now()
        self._find_owners(users)
        unsettled = [user for user in users if user.claim().keys]
        written = len(unsettled)
        for _ in range(ATTEMPTS):
            if not unsettled:
                break
            refusals = self._user_keys.claim([user.claim() for user in unsettled])
            for user, refusal in zip(unsettled, refusals, strict=True):
                user.apply(refusal)
            unsettled = [user for user in unsettled if user.claim().keys]
        for user in unsettled:
            user.settle(KeyOutcome.BUSY)
        for user in users:
            self._count(user)
        self._job.report_progress(self.report.users, self.report.users)
        self._job.pause(written / self._rate - (self._job.now() - begun))

    def _find_owners(self, users: Sequence[_User]) -> None:
        """Settle the keys that already have an owner, so that nothing is written for them."""
        owners = self._user_keys.owners([key for user in users for key in user.keys.values()])
        for user in users:
            for name, key in user.keys.items():
                owner = owners.get(key)
                if owner == user.user_id:
                    user.outcomes[name] = KeyOutcome.HELD
                elif owner is not None:
                    user.outcomes[name] = KeyOutcome.TAKEN
                    user.owners[name] = owner

    def _count(self, user: _User) -> None:
        self.report.users += 1
        self.report.outcomes.update(user.outcomes.values())
        for name, outcome in user.outcomes.items():
            if outcome in PROBLEMS and len(self.report.problems) < PROBLEMS_SHOWN:
                value, owner = user.values.get(name), user.owners.get(name)
                self.report.problems.append(KeyProblem(user.user_id, name, value, outcome, owner))


class DryRunKeys(UserKeysTable):
    """Keeps claims in a temporary database, so that users who share a value are found as well."""

    def __init__(self, table: UserKeysTable) -> None:
        self._table = table
        # Without a name it is a temporary file, deleted with the connection: memory stays flat.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("CREATE TABLE claimed (key TEXT PRIMARY KEY, user_id TEXT NOT NULL) WITHOUT ROWID")

    def close(self) -> None:
        """Delete the database."""
        self._database.close()

    @override
    def owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        found = dict(self._table.owners(keys))
        claimed = {key: owner for key in keys if key not in found and (owner := self._claimed(key)) is not None}
        return found | claimed

    @override
    def claim(self, claims: Sequence[KeyClaim]) -> Sequence[ClaimRefusal | None]:
        return [self._claim(claim) for claim in claims]

    def _claim(self, claim: KeyClaim) -> ClaimRefusal | None:
        # The caller claims only keys that are free in the table.
        owners = {name: self._claimed(key) for name, key in claim.keys.items()}
        others = {name: owner for name, owner in owners.items() if owner not in (None, claim.user_id)}
        if others:
            return ClaimRefusal(owners=others)
        self._database.executemany(
            "INSERT OR IGNORE INTO claimed VALUES (?, ?)", [(key, claim.user_id) for key in claim.keys.values()]
        )
        return None

    def _claimed(self, key: str) -> str | None:
        row = self._database.execute("SELECT user_id FROM claimed WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]
