"""Registering with neutral answers: a request, a link by mail, and the user once it is followed.

A request is kept for `LINK_SECONDS` and answered without a look at the address, so that the answer
can't tell whether the address is known. It holds its other unique values, but not the address:
whoever follows a link first has that, so nobody can keep an address from its owner.

Plain rules; functions/users/pending_store.py keeps requests in DynamoDB.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple, Protocol

from functions.runtime.json_log import utc_timestamp
from functions.runtime.random_id import random_id
from functions.runtime.trace import Trace
from functions.users.attributes import ATTRIBUTES, Attribute
from functions.users.service import registration_request
from functions.users.user import (
    FIRST_VERSION,
    MAILS_PREFIX,
    SELF,
    ConfirmationLinkError,
    IdempotencyKeyReusedError,
    Registration,
    RegistrationRequest,
    RepeatedRequestError,
    User,
    UserIdTakenError,
    keys_of,
)

LINK_SECONDS = 86_400
"""How long a link works, and how long a request holds its values."""

MAILS_PER_ADDRESS = 5
MAILS_SECONDS = 86_400
"""No address gets more mails than that within this time, whoever asks how often."""

_KEY_BYTES = 32
_TOKEN = re.compile(r"([0-9a-f-]{36})\.(\d{1,12})\.([A-Za-z0-9_-]{43})", re.ASCII)


class PendingRegistration(NamedTuple):
    """A registration whose address isn't confirmed yet."""

    user_id: str  # of the user that it becomes
    registration: Registration
    expires_at: int  # whole seconds since the epoch
    request: RegistrationRequest | None
    link_key: bytes
    """Signs its link. Each registration has its own, so there is none to keep for all of them."""


class PendingStore(Protocol):
    """Registrations to be confirmed. Each method may raise `UnavailableError`.

    tests/local/test_pending_store_contract.py holds the store in DynamoDB and the one in memory.
    """

    def add(self, pending: PendingRegistration, now: int) -> None:
        """Keep a registration, and hold its unique values but the address until it expires.

        Raises:
            UserIdTakenError: The id is in use. This takes precedence over the other errors.
            RepeatedRequestError: The request's key is in use. This takes precedence over the next.
            AlreadyTakenError: Others have or hold values that must be unique; it names each.
        """
        ...

    def get(self, user_id: str, now: int) -> PendingRegistration | None:
        """Return a registration that may still be confirmed."""
        ...

    def confirm(self, pending: PendingRegistration, user: User, request: RegistrationRequest | None, now: int) -> None:
        """Store the user in place of the registration, with all unique values and the request.

        Raises:
            ConfirmationLinkError: The registration is no longer there.
            AlreadyTakenError: Other users have values by now; it names each.
        """
        ...

    def is_registered(self, address_key: str, now: int) -> bool:
        """Return whether a user has the address with this key of `keys_of`."""
        ...

    def count_mail(self, count_key: str, now: int) -> bool:
        """Count one more mail to an address; return False if it has had enough of them."""
        ...


def address_attribute(attributes: Sequence[Attribute] = ATTRIBUTES) -> Attribute:
    """Return the attribute whose values get a link; raise LookupError if none is declared so."""
    for attribute in attributes:
        if attribute.confirmed:
            return attribute
    raise LookupError("neutral answers need an attribute with confirmed=True: functions/users/attributes.py")


def request_registration(
    store: PendingStore, registration: Registration, *, idempotency_key: str | None, now: datetime
) -> str:
    """Keep a registration until its address is confirmed; return the id that its user will have.

    A repeat, recognized as `functions.users.service.register` does, returns the first one's id.

    Raises:
        AlreadyTakenError: Others have or hold a unique value that isn't the address.
        IdempotencyKeyReusedError: The key was used before with another body.
        UnavailableError: The store can't take it now.
    """
    moment = int(now.timestamp())
    expires_at = moment + LINK_SECONDS
    request = None
    if idempotency_key is not None:
        request = registration_request(registration, idempotency_key, now)._replace(expires_at=expires_at)
    pending = PendingRegistration(random_id(), registration, expires_at, request, secrets.token_bytes(_KEY_BYTES))
    try:
        store.add(pending, moment)
    except UserIdTakenError:
        pass  # the id is random: an attempt whose answer was lost has stored it
    except RepeatedRequestError as error:
        if request is None or error.digest != request.digest:
            raise IdempotencyKeyReusedError from error
        return error.user_id
    return pending.user_id


def link_token(pending: PendingRegistration) -> str:
    """Return what the link carries: the registration, its end, and a signature of both."""
    signed = f"{pending.user_id}.{pending.expires_at}"
    code = urlsafe_b64encode(hmac.digest(pending.link_key, signed.encode(), "sha256")).rstrip(b"=").decode()
    return f"{signed}.{code}"


def confirm_registration(store: PendingStore, token: str, now: datetime, trace: Trace | None = None) -> str:
    """Register the user whose link was followed, once, and return the user's id.

    The user's `trace` is that of this request, which makes the user; the first one only asked.

    Raises:
        ConfirmationLinkError: The link is no link of this stack, has expired or was used.
        AlreadyTakenError: Somebody else has a unique value by now, perhaps by another link.
        UnavailableError: The store can't take it now.
    """
    match = _TOKEN.fullmatch(token)
    moment = int(now.timestamp())
    if match is None or int(match[2]) <= moment:
        raise ConfirmationLinkError
    user_id = match[1]
    pending = store.get(user_id, moment)
    if pending is None or not hmac.compare_digest(token, link_token(pending)):
        raise ConfirmationLinkError
    stamp = utc_timestamp(now)
    user = User(
        user_id, pending.registration, FIRST_VERSION, created_at=stamp, updated_at=stamp, changed_by=SELF, trace=trace
    )
    store.confirm(pending, user, pending.request, moment)
    return user_id


def mails_key(address_key: str) -> str:
    """Return the key of the count of mails to an address; it doesn't hold the address."""
    return MAILS_PREFIX + sha256(address_key.encode()).hexdigest()


def address_of(pending: PendingRegistration, attributes: Sequence[Attribute] = ATTRIBUTES) -> tuple[str, str]:
    """Return a registration's address, as mail systems take it, and its key of `keys_of`."""
    attribute = address_attribute(attributes)
    address = pending.registration[attribute.name]
    return attribute.stored(address), keys_of({attribute.name: address}, [attribute])[attribute.name]
