"""Registering a user, once however often the request is sent."""

import hashlib
import json
from datetime import datetime
from uuid import UUID, uuid4, uuid5

from functions.users.errors import IdempotencyKeyReusedError
from functions.users.fields import Registration
from functions.users.store import UserIdTakenError, UsersStore
from functions.users.user import User, timestamp

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
