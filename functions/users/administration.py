"""Reading, changing and removing a user who is registered."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from functions.users.errors import StaleVersionError, UnavailableError, UserNotFoundError
from functions.users.fields import UserChanges
from functions.users.store import UsersStore
from functions.users.user import User, timestamp, version_after

# A caller who names no version wants the change whatever the version is. Each try can lose only to another change of
# the same user that went through, so losing this often in a row means a storm on one user, which the caller should hear
# of.
TRIES = 4

_Result = TypeVar("_Result")
Precondition = Callable[[int], bool]
"""Whether a version is one that the caller accepts (If-Match)."""


def read_user(store: UsersStore, user_id: str) -> User:
    """Read a user.

    Raises:
        UserNotFoundError: There is none with this id.
        UnavailableError: The store can't say now.
    """
    user = store.get(user_id)
    if user is None:
        raise UserNotFoundError
    return user


def change_user(
    store: UsersStore, user_id: str, changes: UserChanges, *, precondition: Precondition | None, now: datetime
) -> User:
    """Change some fields of a user; a change that changes nothing writes nothing and keeps the version.

    Args:
        store: Where the user is kept.
        user_id: Whom to change.
        changes: The validated body.
        precondition: Which versions may be changed; None for any.
        now: The moment of the request.

    Returns:
        The user as stored now.

    Raises:
        UserNotFoundError: There is none with this id.
        StaleVersionError: The user's version isn't one that the precondition accepts.
        AlreadyTakenError: Another user holds the new email or username.
        UnavailableError: The store can't take it now, or others keep changing the same user.
    """

    def write(user: User) -> User:
        changed = user._replace(**changes)
        if changed == user:
            return user
        changed = changed._replace(version=version_after(user.version), updated_at=timestamp(now))
        store.replace(user, changed)
        return changed

    return _guarded(store, user_id, precondition, write)


def remove_user(store: UsersStore, user_id: str, *, precondition: Precondition | None) -> None:
    """Remove a user and free the email and the username.

    Args:
        store: Where the user is kept.
        user_id: Whom to remove.
        precondition: Which versions may be removed; None for any.

    Raises:
        UserNotFoundError: There is none with this id.
        StaleVersionError: The user's version isn't one that the precondition accepts.
        UnavailableError: The store can't take it now, or others keep changing the same user.
    """
    _guarded(store, user_id, precondition, store.remove)


def _guarded(
    store: UsersStore, user_id: str, precondition: Precondition | None, write: Callable[[User], _Result]
) -> _Result:
    """Read, check and write a user, again when another change came between that the caller's precondition accepts."""
    for _ in range(TRIES):
        user = read_user(store, user_id)
        if precondition is not None and not precondition(user.version):
            raise StaleVersionError
        try:
            return write(user)
        except StaleVersionError:
            continue
    raise UnavailableError("user changed by others at each try")
