"""What `verify` finds: each kind of problem, and what mends it."""

from enum import StrEnum
from typing import NamedTuple


class Problem(StrEnum):
    """Why Users, UserKeys and Activity don't agree on a user."""

    WITHOUT_KEY = "user-without-key"
    TAKEN = "taken"  # two users are stored with one value; the other one has its key
    WITHOUT_ALIKE_KEY = "user-without-alike-key"  # somebody could register with a value that looks like the user's
    ALIKE = "looks-alike"  # two users are stored with values that look alike; both are served as before
    NOT_TEXT = "not-text"
    TOO_LONG = "too-long"
    UNREACHABLE = "unreachable-id"  # no path of the API can name the user
    KEY_WITHOUT_USER = "key-without-user"
    KEY_WITHOUT_VALUE = "key-without-value"  # its user is stored, with another value
    WITHOUT_HISTORY = "user-without-history"
    DIFFERS = "history-differs"  # it ends in another state than the stored one
    ENDED = "history-ended"  # it says that the user was deleted, who is stored
    WITHOUT_END = "history-without-end"  # the user isn't stored, and no deletion is in it
    ERASED = "erased-user-stored"
    IN_QUEUE = "change-in-queue"
    REFUSED = "refused"  # the function refused the record of a repair
    BUSY = "busy"  # others kept writing the same user or key


_REPAIR = "`verify --repair`"

WHAT_TO_DO = {
    Problem.WITHOUT_KEY: f"{_REPAIR} gives the user the key",
    Problem.TAKEN: "give one of the two another value, or delete one: PATCH or DELETE /users/{userId}",
    Problem.WITHOUT_ALIKE_KEY: f"{_REPAIR} gives the user the key",
    Problem.ALIKE: "nothing, or give one of the two another value: PATCH /users/{userId}",
    Problem.NOT_TEXT: "give the user one that is text: PATCH /users/{userId}",
    Problem.TOO_LONG: "give the user a shorter one: PATCH /users/{userId}",
    Problem.UNREACHABLE: 'store the user under another id: docs/adopting.md, "An id without a path"',
    Problem.KEY_WITHOUT_USER: f"{_REPAIR} frees the key",
    Problem.KEY_WITHOUT_VALUE: f"{_REPAIR} frees the key",
    Problem.WITHOUT_HISTORY: f"{_REPAIR} adds the user to the history",
    Problem.DIFFERS: f"{_REPAIR} adds the missing change to the history",
    Problem.ENDED: f"{_REPAIR} adds the user to the history again",
    Problem.WITHOUT_END: f"{_REPAIR} adds the deletion to the history",
    Problem.ERASED: "erase the person again: `person erase USER`",
    Problem.IN_QUEUE: "`dlq replay --where user=USER`, then verify again",
    Problem.REFUSED: "`dlq list --where user=USER` says why the function can't take it",
    Problem.BUSY: "run the same command again",
}

REPAIRABLE = frozenset(problem for problem, to_do in WHAT_TO_DO.items() if to_do.startswith(_REPAIR))

TOLERATED = frozenset({Problem.ALIKE})
"""Of users from before such values were refused: no fault of the tables."""


class Finding(NamedTuple):
    """One problem of one user."""

    problem: Problem
    user_id: str
    key: str | None = None
    attribute: str | None = None
    value: str | None = None
    held_by: str | None = None
    """The user who has the key."""
    detail: str | None = None
