"""Users who came in by other ways than registration get the keys that make their email and username theirs.

A key is written only where it is free, and only while the user is stored with the value it is of: one transaction
checks both. So a key never changes hands, and a user who leaves or takes another value at the same moment leaves none
behind. Whoever is done with costs a reading and nothing else: killed and run again, it writes what is left.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from functions.stream_records.attribute_values import Image
from functions.users.user import keys_of
from ops.aws.tables import UsersTable
from ops.aws.user_keys import Claim, Refusal, UserKeysTable
from ops.errors import OpsError
from ops.job import LongWork
from ops.people.backfill_records import user_id_of

UNIQUE: tuple[str, ...] = ("email", "username")
"""The attributes whose values only one user may hold."""

USERS_AT_ONCE = 200
"""At most; fewer at a low rate, so that a stop is heeded within about a second."""

TRIES = 5
"""Each is lost only to another write of the same user or the same key."""

PROBLEMS_SHOWN = 1_000


class Outcome(StrEnum):
    """What became of one attribute of one user."""

    CLAIMED = "claimed"
    HELD = "held"
    """It had its key before."""
    WITHOUT = "without"
    """There is no value, or an empty one: nothing that another user could take."""
    GONE = "gone"
    """The user was deleted meanwhile."""
    TAKEN = "taken"
    """Another user holds the key."""
    NOT_TEXT = "not-text"
    TOO_LONG = "too-long"
    BUSY = "busy"
    """Others kept writing the same user or key."""


PROBLEMS = frozenset({Outcome.TAKEN, Outcome.NOT_TEXT, Outcome.TOO_LONG, Outcome.BUSY})
"""What leaves a value without a key of its user's."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A value that its user holds no key for."""

    user_id: str
    attribute: str
    value: str | None
    """None for what is no text."""
    outcome: Outcome
    holder: str | None
    """The user who holds the key, where it is taken."""


@dataclass
class KeyClaimsReport:
    """What one run came to."""

    users: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter[Outcome])
    """Of each user's email and username."""
    problems: list[Problem] = field(default_factory=list[Problem])
    """The first of them."""
    finished: bool = False
    error: OpsError | None = None

    @property
    def left(self) -> int:
        """How many values have no key of their user's, and should."""
        return sum(self.outcomes[outcome] for outcome in PROBLEMS)


class _User:
    """A user whose values are being claimed."""

    def __init__(self, image: Image) -> None:
        self.user_id = user_id_of(image)
        self.read(image)

    def read(self, image: Image) -> None:
        """Begin with the values as stored."""
        self.values = {name: image[name]["S"] for name in UNIQUE if "S" in image.get(name, {})}
        self.keys = keys_of(self.values.get("email"), self.values.get("username"))
        self.holders: dict[str, str] = {}
        self.outcomes = {name: _without_a_key(image, name) for name in UNIQUE if name not in self.keys}

    def claim(self) -> Claim:
        """Return the claim of what has no outcome yet."""
        keys = {name: key for name, key in self.keys.items() if name not in self.outcomes}
        return Claim(self.user_id, {name: self.values[name] for name in keys}, keys)

    def settle(self, outcome: Outcome) -> None:
        """Give all that has no outcome yet this one."""
        self.outcomes |= dict.fromkeys(self.claim().keys, outcome)

    def taken(self, attribute: str, holder: str) -> None:
        """Leave a key to the user who holds it."""
        self.outcomes[attribute] = Outcome.TAKEN
        self.holders[attribute] = holder


def _without_a_key(image: Image, name: str) -> Outcome:
    value = image.get(name, {"NULL": True})
    if "NULL" in value or value == {"S": ""}:
        return Outcome.WITHOUT
    return Outcome.TOO_LONG if "S" in value else Outcome.NOT_TEXT


class KeyClaims:
    """One run over the Users table.

    Args:
        users: All users.
        user_keys: Where the keys are; `ops.aws.user_keys` for a run that only counts.
        work: What stops and times it.
        users_per_second: The fastest that users' keys are written.
    """

    def __init__(self, users: UsersTable, user_keys: UserKeysTable, work: LongWork, *, users_per_second: float) -> None:
        self._users = users
        self._user_keys = user_keys
        self._work = work
        self._rate = users_per_second
        self._at_once = max(1, int(min(USERS_AT_ONCE, users_per_second)))
        self.report = KeyClaimsReport()

    def run(self) -> KeyClaimsReport:
        """Go over the table, to its end, a stop or an error."""
        try:
            self._run()
        except OpsError as error:
            self.report.error = error
        return self.report

    def _run(self) -> None:
        after: str | None = None
        while not self.report.finished:
            page = self._users.page(after)
            for start in range(0, len(page.users), self._at_once):
                if self._work.stop():
                    return
                self._bring_forward([_User(image) for image in page.users[start : start + self._at_once]])
            after = page.next_after
            self.report.finished = after is None

    def _bring_forward(self, users: Sequence[_User]) -> None:
        begun = self._work.now()
        self._look_up(users)
        waiting = [user for user in users if user.claim().keys]
        written = len(waiting)
        for _ in range(TRIES):
            if not waiting:
                break
            refusals = self._user_keys.claim([user.claim() for user in waiting])
            waiting = [user for user, refusal in zip(waiting, refusals, strict=True) if not _settled(user, refusal)]
        for user in waiting:
            user.settle(Outcome.BUSY)
        for user in users:
            self._count(user)
        self._work.meter(self.report.users, self.report.users)
        self._work.pause(written / self._rate - (self._work.now() - begun))

    def _look_up(self, users: Sequence[_User]) -> None:
        """Find those who hold their keys already, so that nothing is written for them, and keys of others."""
        holders = self._user_keys.holders([key for user in users for key in user.keys.values()])
        for user in users:
            for name, key in user.keys.items():
                holder = holders.get(key)
                if holder == user.user_id:
                    user.outcomes[name] = Outcome.HELD
                elif holder is not None:
                    user.taken(name, holder)

    def _count(self, user: _User) -> None:
        self.report.users += 1
        self.report.outcomes.update(user.outcomes.values())
        for name, outcome in user.outcomes.items():
            if outcome in PROBLEMS and len(self.report.problems) < PROBLEMS_SHOWN:
                self.report.problems.append(
                    Problem(
                        user_id=user.user_id,
                        attribute=name,
                        value=user.values.get(name),
                        outcome=outcome,
                        holder=user.holders.get(name),
                    )
                )


def _settled(user: _User, refusal: Refusal | None) -> bool:
    """Take note of what came of a user's claim; say whether there is nothing left to claim."""
    if refusal is None:
        user.settle(Outcome.CLAIMED)
    elif refusal.stored == {}:
        user.outcomes = dict.fromkeys(UNIQUE, Outcome.GONE)
    elif refusal.stored is not None:
        # What was found of the former values is void: each claim finds out by itself who holds a key.
        user.read(refusal.stored)
    else:
        for name, holder in refusal.holders.items():
            user.taken(name, holder)
    return not user.claim().keys
