"""A user, what makes two users collide, why a request is refused, and what a store of users does.

Plain values and rules, without AWS or HTTP. `functions.users.service` works on them,
`functions.users.dynamodb_store` keeps them in DynamoDB, and `functions.http_api.endpoint` answers
each `UserError`. No error's message holds a name, an email or a table, because answers and logs
show it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from functions.runtime.trace import Trace
from functions.users.attributes import ATTRIBUTES, Attribute

FIRST_VERSION = 1
LAST_VERSION = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact. Only imported users come near it."""

REQUEST_PREFIX = "request#"
"""What the UserKeys keys of requests begin with; no attribute may be called so."""
PENDING_PREFIX = "pending#"
"""The same of registrations to be confirmed."""
MAILS_PREFIX = "mails#"
"""The same of the counts of mails to an address."""
REQUEST_KEY = "requestKey"
"""The attribute with the UserKeys key of the request that registered the user: internal."""
REGISTRATION_DIGEST = "registrationDigest"
"""Of an item in UserKeys: the digest of a `RegistrationRequest`. Earlier registrations left one in
Users, which the next change removes: internal."""
CHANGED_BY = "changedBy"
"""The attribute with who wrote the stored version through the API: a map of `actor`, `version`, and
the request's `Trace`. A write past the API leaves it behind, and the version in it tells."""
AS_TYPED = "asTyped"
"""The attribute with the values, by attribute, that aren't stored as typed: a map. A write past the
API leaves it behind, and the stored value tells."""
INTERNAL_ATTRIBUTES = (REGISTRATION_DIGEST, REQUEST_KEY, CHANGED_BY, AS_TYPED)
"""Neither answers nor histories nor events show these."""

SELF = "self"
"""The actor of a registration."""
UNKNOWN_ACTOR = "caller"
"""Of a write past the API: nothing tells whose it was."""

LONGEST_USER_ID = 128  # characters, of a user whom the API shows by id
_NOT_IN_A_PATH = frozenset("/?#%\\")

LONGEST_KEY = 2048  # bytes (DynamoDB Developer Guide, "Quotas"); no registered value needs as many


Registration = dict[str, str]
"""What a user registers with, by attribute, as typed."""
UserChanges = dict[str, str | None]
"""New values by attribute; None takes an optional one away."""


class User(NamedTuple):
    """A user; one who came by another way than registration may lack all but id and version."""

    user_id: str
    values: Mapping[str, str]  # by attribute, as typed; an attribute that the user lacks is missing
    version: int  # 1 when registered, one more with each change
    created_at: str | None  # ISO 8601 in UTC with milliseconds, like the next
    updated_at: str | None
    changed_by: str | None = None
    """Who made this version through the API; of a user who is read, the last one who did."""
    request_key: str | None = None
    """The key of the `RegistrationRequest`, if the user registered with one."""
    trace: Trace | None = None
    """The request that made this version; of a user who is read, the last one that is known."""


class Deletion(NamedTuple):
    """Who deletes a user, when, and by which request."""

    actor: str
    moment: datetime
    trace: Trace | None = None


class RegistrationRequest(NamedTuple):
    """What recognizes a repeated registration; without the Idempotency-Key it says nothing."""

    key: str  # of UserKeys
    digest: str
    expires_at: int  # whole seconds since the epoch; the store may forget the request after that


def has_path(user_id: str) -> bool:
    """Say whether `/users/{userId}` can name the user, and nobody else.

    API Gateway's HTTP API decodes a path before it matches routes: of an id with `/` it makes two
    segments, and it cuts a decoded path at `?`, so `DELETE /users/a%3Fb` would meet user `a`. Other
    characters that end or encode a part of a URL, and segments that clients resolve, are left out
    with them. Only imported ids have any of this.
    """
    return (
        0 < len(user_id) <= LONGEST_USER_ID
        and user_id.isprintable()
        and _NOT_IN_A_PATH.isdisjoint(user_id)
        and user_id not in {".", ".."}
    )


def attributes_of(user: User, attributes: Sequence[Attribute] = ATTRIBUTES) -> dict[str, str | int | None]:
    """Return a user's values by the names that the API and the Users table give them.

    A required attribute that an imported user lacks is None. An optional one is left out.
    """
    values = user.values
    own = {each.name: values.get(each.name) for each in attributes if each.required or each.name in values}
    return {
        "userId": user.user_id,
        **own,
        "version": user.version,
        "createdAt": user.created_at,
        "updatedAt": user.updated_at,
    }


def version_of(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the version of a stored item, typed as DynamoDB has it, as a whole number.

    A missing one reads as 1, a fraction as the whole number below it.
    """
    number = Decimal(item.get("version", {}).get("N", FIRST_VERSION))
    return int(number) if FIRST_VERSION < number < LAST_VERSION + 1 else FIRST_VERSION


def request_key_of(item: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the key of a stored item's `RegistrationRequest`, if it has one.

    An imported item may have any text there; what can be no such key is none.
    """
    key = item.get(REQUEST_KEY, {}).get("S", "")
    return key if key.startswith(REQUEST_PREFIX) and len(key.encode()) <= LONGEST_KEY else None


def version_after(version: int) -> int:
    """Return the version that a change makes; after the last one comes the first again."""
    return version + 1 if version < LAST_VERSION else FIRST_VERSION


def keys_of(values: Mapping[str, str], attributes: Sequence[Attribute] = ATTRIBUTES) -> dict[str, str]:
    """Return the UserKeys keys by which a user's values are found, by attribute.

    A value that is missing, empty or too long has none, which registration doesn't let happen.
    """
    keys = {
        each.name: f"{each.name}#{each.unique.form(value)}"
        for each in attributes
        if each.unique is not None and (value := values.get(each.name))
    }
    return {name: key for name, key in keys.items() if len(key.encode()) <= LONGEST_KEY}


def held_keys(values: Mapping[str, str], attributes: Sequence[Attribute] = ATTRIBUTES) -> dict[str, str]:
    """Return the attribute of each UserKeys key that a user with these values holds.

    They are those of `keys_of`, and those of values that look like the user's. As nobody else can
    hold them, no two users have the same value or values that look alike (`Unique`); of users who
    came by another way than registration that is true once their keys are claimed.
    """
    held = {
        f"{each.name}#{form}": each.name
        for each in attributes
        if each.unique is not None and (value := values.get(each.name))
        for form in sorted(each.unique.forms(value))
    }
    return {key: name for key, name in held.items() if len(key.encode()) <= LONGEST_KEY}


class UsersPage(NamedTuple):
    """Some users, in the store's own order."""

    users: list[User]
    after: str | None
    """Pass this to `UsersStore.page` for the next page; None if this was the last."""


class FieldError(NamedTuple):
    """What is wrong with one field."""

    field: str  # as the caller sent it, "" for the body as a whole
    code: str  # a stable word for programs, such as "too-long"
    message: str  # a sentence for people


class UserError(Exception):
    """A request about users that is refused."""


class InvalidFieldsError(UserError):
    """One or more fields break a rule; `errors` has all of them."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(", ".join(f"{error.field or 'body'}: {error.code}" for error in errors))
        self.errors = tuple(errors)


class AlreadyTakenError(UserError):
    """Another user has the values of these `fields`, which are names of attributes."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = tuple(dict.fromkeys(fields))  # one may have several keys
        super().__init__(f"already taken: {', '.join(self.fields)}")


class IdempotencyKeyReusedError(UserError):
    """This Idempotency-Key was sent before with another body."""


class ConfirmationLinkError(UserError):
    """The link of a registration is used, expired, or none of this stack's."""


class UserNotFoundError(UserError):
    """No user has this id."""


class StaleVersionError(UserError):
    """The user's version is no longer the one that the caller named."""


class UserTooLargeError(UserError):
    """The change would make the stored user larger than a DynamoDB item may be, 400 KB.

    Registration admits nobody near that; an imported user may be.
    """


class UnavailableError(UserError):
    """The tables can't take the request now; `cause` is the service's word for it, for the log."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class UserIdTakenError(Exception):
    """A user with this id is already stored."""


class RepeatedRequestError(Exception):
    """This request's key registered the user `user_id` before, with this `digest`."""

    def __init__(self, user_id: str, digest: str | None) -> None:
        super().__init__("this request's key registered a user before")
        self.user_id = user_id
        self.digest = digest


class UsersStore(Protocol):
    """Users, no two of whom share the value of a unique attribute.

    Each method does all of its work or none, and may raise `UnavailableError`. One contract,
    tests/local/test_users_store_contract.py, holds the store in DynamoDB and the one in memory.
    """

    def add(self, user: User, request: RegistrationRequest | None) -> None:
        """Store a new user, and the request until it expires or the user is removed.

        Raises:
            UserIdTakenError: The id is in use. This takes precedence over the other errors.
            RepeatedRequestError: The request's key is in use. This takes precedence over the next.
            AlreadyTakenError: Other users have values that must be unique; it names each.
        """
        ...

    def get(self, user_id: str) -> User | None:
        """Return a user as the last change left it."""
        ...

    def owner(self, key: str) -> str | None:
        """Return the id of the user who holds a key of `keys_of`; the user may be gone."""
        ...

    def page(self, limit: int, after: str | None) -> UsersPage:
        """Return up to `limit` users behind the one with the id `after`, or the first ones."""
        ...

    def replace(self, current: User, changed: User) -> None:
        """Store `changed` in place of `current` (the same id), and free the values it gave up.

        Raises:
            StaleVersionError: The user is deleted, or differs from `current` in version or a
                unique value. This takes precedence over the other error.
            AlreadyTakenError: Other users have new values that must be unique; it names each.
            UserTooLargeError: The store has no room for the user as changed.
        """
        ...

    def remove(self, user: User, deletion: Deletion | None = None) -> None:
        """Remove a user, and free its unique values; StaleVersionError as for `replace`.

        A store of a stack with a history leaves the note of the `deletion` there.
        """
        ...
