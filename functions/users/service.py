"""Registering a user, once however often the request is sent; reading, changing, removing one."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from functions.runtime.json_log import utc_timestamp
from functions.runtime.random_id import random_id
from functions.runtime.trace import Trace
from functions.users.attributes import Attribute
from functions.users.user import (
    FIRST_VERSION,
    REQUEST_PREFIX,
    SELF,
    Deletion,
    IdempotencyKeyReusedError,
    Registration,
    RegistrationRequest,
    RepeatedRequestError,
    StaleVersionError,
    UnavailableError,
    User,
    UserChanges,
    UserIdTakenError,
    UserNotFoundError,
    UsersStore,
    keys_of,
    version_after,
)

REQUEST_DAYS = 7
"""How long a repeat of a registration is recognized, at least; TTL removes items late."""

# A caller without If-Match wants the change whatever the version is. A try fails only if another
# change of the same user succeeds, so this many failures mean many writers on one user, and the
# caller should know.
TRIES = 4

_Result = TypeVar("_Result")
Precondition = Callable[[int], bool]
"""Whether the caller accepts a version (If-Match)."""


def register(
    store: UsersStore,
    registration: Registration,
    *,
    idempotency_key: str | None,
    now: datetime,
    trace: Trace | None = None,
) -> str:
    """Register a user, and return the id that this request or an earlier one registered.

    A repeat is recognized by its Idempotency-Key and body for REQUEST_DAYS, even after the user has
    changed. Once the user is deleted, the same request registers a new one, with an id of its own.
    The `trace` that a user has is the first one's: a repeat changes nothing.

    Raises:
        AlreadyTakenError: Another user has a value that must be unique.
        IdempotencyKeyReusedError: The key was used before with another body.
        UnavailableError: The store can't take it now.
    """
    user_id = random_id()
    request = None if idempotency_key is None else registration_request(registration, idempotency_key, now)
    moment = utc_timestamp(now)
    user = User(
        user_id, registration, FIRST_VERSION, created_at=moment, updated_at=moment, changed_by=SELF, trace=trace
    )
    try:
        store.add(user, request)
    except UserIdTakenError:
        pass  # the id is random: only an attempt of this request whose answer was lost has stored it
    except RepeatedRequestError as error:
        if request is None or error.digest != request.digest:
            raise IdempotencyKeyReusedError from error
        return error.user_id
    return user_id


def registration_request(registration: Registration, idempotency_key: str, now: datetime) -> RegistrationRequest:
    """Return what recognizes a repeat: the SHA-256 of the key, and an HMAC of the body by the key.

    The key itself is stored nowhere, so nobody can test guesses of the body against the digest. An
    attribute that was left out isn't in it, so stored digests hold when one is declared.
    """
    secret = idempotency_key.encode()
    canonical = json.dumps(registration, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return RegistrationRequest(
        key=REQUEST_PREFIX + hashlib.sha256(secret).hexdigest(),
        digest=hmac.digest(secret, canonical.encode(), "sha256").hex(),
        expires_at=int(now.timestamp()) + REQUEST_DAYS * 86_400,
    )


def read_user(store: UsersStore, user_id: str) -> User:
    """Read a user; raise `UserNotFoundError` or `UnavailableError` if that fails."""
    user = store.get(user_id)
    if user is None:
        raise UserNotFoundError
    return user


def find_user(store: UsersStore, attribute: Attribute, value: str) -> User | None:
    """Return the user who has a value of a unique attribute, in any form that counts as the same.

    Users who came by another way than registration are found once their keys are claimed. Raise
    `UnavailableError` if that fails.
    """
    try:
        key = keys_of({attribute.name: value}, [attribute]).get(attribute.name)
    except UnicodeEncodeError:  # half of a surrogate pair: no stored text has one
        return None
    user_id = None if key is None else store.owner(key)
    user = None if user_id is None else store.get(user_id)
    # The user may have changed since the key was read, or have left it behind.
    return user if user is not None and key in keys_of(user.values, [attribute]).values() else None


def change_user(  # noqa: PLR0913  each is named at the call
    store: UsersStore,
    user_id: str,
    changes: UserChanges,
    *,
    precondition: Precondition | None,
    actor: str,
    now: datetime,
    trace: Trace | None = None,
) -> User:
    """Change some attributes of a user, and return the user; if nothing changes, write nothing.

    `actor` is who asked for it, and `trace` by which request: the history shows that.

    Raises:
        UserNotFoundError: There is none with this id.
        StaleVersionError: The precondition doesn't accept the user's version.
        AlreadyTakenError: Another user has a new value that must be unique.
        UnavailableError: The store can't take it now, or others keep changing the same user.
    """

    def write(user: User) -> User:
        values = {name: value for name, value in {**user.values, **changes}.items() if value is not None}
        changed = user._replace(values=values)
        if changed == user:
            return user
        changed = changed._replace(
            version=version_after(user.version), updated_at=utc_timestamp(now), changed_by=actor, trace=trace
        )
        store.replace(user, changed)
        return changed

    return _write_if_unchanged(store, user_id, precondition, write)


def remove_user(  # noqa: PLR0913  each is named at the call
    store: UsersStore,
    user_id: str,
    *,
    precondition: Precondition | None,
    actor: str,
    now: datetime,
    trace: Trace | None = None,
) -> None:
    """Remove a user, and free its unique values; arguments and errors as of `change_user`."""
    deletion = Deletion(actor, now, trace)
    _write_if_unchanged(store, user_id, precondition, lambda user: store.remove(user, deletion))


def _write_if_unchanged(
    store: UsersStore, user_id: str, precondition: Precondition | None, write: Callable[[User], _Result]
) -> _Result:
    """Read, check and write a user; again if another change came between."""
    for _ in range(TRIES):
        user = read_user(store, user_id)
        if precondition is not None and not precondition(user.version):
            raise StaleVersionError
        try:
            return write(user)
        except StaleVersionError:
            continue
    raise UnavailableError("user changed by others at each try")
