"""Registering a user, once however often the request is sent."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid4, uuid5

from functions.users.fields import Registration, UserChanges
from functions.users.user import (
    IdempotencyKeyReusedError,
    StaleVersionError,
    UnavailableError,
    User,
    UserIdTakenError,
    UserNotFoundError,
    UsersStore,
    timestamp,
    version_after,
)

# Turns an Idempotency-Key into a user id. Changing it makes retries of requests sent before the change register anew.
IDEMPOTENCY_NAMESPACE = UUID("810fde97-8fee-4bcf-9a3e-baa617d6e367")


def register(store: UsersStore, registration: Registration, *, idempotency_key: str | None, now: datetime) -> str:
    """Register a user.

    The id comes from the Idempotency-Key when there is one, so that a retry meets the user that the first attempt
    stored, with no table of keys to keep. A retry is known by its key and body even after that user has changed; once
    that user is deleted, it registers anew.

    Args:
        store: Where the user is kept.
        registration: The validated body.
        idempotency_key: The header of that name, None when the caller sent none.
        now: The moment of the request.

    Returns:
        The id of the user: the one that this request, or an earlier one with this key and body, registered.

    Raises:
        AlreadyTakenError: Another user holds the email or the username.
        IdempotencyKeyReusedError: The key was used before with another body.
        UnavailableError: The store can't take it now.
    """
    user_id = str(uuid4() if idempotency_key is None else uuid5(IDEMPOTENCY_NAMESPACE, idempotency_key))
    digest = None if idempotency_key is None else registration_digest(registration)
    moment = timestamp(now)
    user = User(user_id=user_id, **registration, version=1, created_at=moment, updated_at=moment)
    try:
        store.add(user, digest)
    except UserIdTakenError as error:
        # Without a key the id was drawn at random just now: only this request's own first attempt, whose answer was
        # lost, can hold it.
        if error.registration_digest != digest:
            raise IdempotencyKeyReusedError from error
    return user_id


def registration_digest(registration: Registration) -> str:
    """Give the SHA-256, in hex, of a registration's canonical JSON: by it a retry's body is known again."""
    canonical = json.dumps(registration, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


# Reading, changing and removing a user who is registered.

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
