"""A user, and the moment of a change as it is stored."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol
from unicodedata import normalize

FIRST_VERSION = 1
LAST_VERSION = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exact. Only an imported user can be near it."""


class User(NamedTuple):
    """A user: whoever registered has every value; one who came in by another way may lack any but id and version.

    Attributes:
        user_id: Who it is, for ever.
        name: As typed, 1 to 200 characters.
        email: As typed; no other user who registered has one that differs by case alone.
        username: As typed; no other user who registered has one that reads the same.
        version: 1 when registered, one more with each change.
        created_at: ISO 8601, UTC, with milliseconds.
        updated_at: The last change, written the same way.
    """

    user_id: str
    name: str | None
    email: str | None
    username: str | None
    version: int
    created_at: str | None
    updated_at: str | None


def timestamp(moment: datetime) -> str:
    """Write a moment as it is stored, e.g. 2026-11-23T10:00:00.000Z; `moment` must know its time zone."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def version_after(version: int) -> int:
    """Give the version that a change makes; after the last one they begin anew, so that each differs from the next."""
    return version + 1 if version < LAST_VERSION else FIRST_VERSION


# Every reason for which the users part refuses a request.
#
# UserError
# ├── InvalidFieldsError        one or more fields break a rule
# ├── AlreadyTakenError         another user holds this email or username
# ├── IdempotencyKeyReusedError the key was sent before, with another body
# ├── UserNotFoundError         no user has this id
# ├── StaleVersionError         the user has changed since the version the caller named
# └── UnavailableError          the tables can't take the request right now; the same request may succeed later
#
# `functions.http_api.endpoint` gives each its answer. No message holds a name, an email or a table:
# they end in answers and in logs.


class FieldError(NamedTuple):
    """What is wrong with one field.

    Attributes:
        field: The field's name as the caller sent it, "" for the body as a whole.
        code: A stable word for programs, such as "too-long".
        message: A sentence for people.
    """

    field: str
    code: str
    message: str


class UserError(Exception):
    """A request that the users part refuses."""


class InvalidFieldsError(UserError):
    """One or more fields break a rule; all of them are named at once."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(", ".join(f"{error.field or 'body'}: {error.code}" for error in errors))
        self.errors = tuple(errors)


class AlreadyTakenError(UserError):
    """Another user holds the values of these fields ("email", "username")."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(f"already taken: {', '.join(fields)}")
        self.fields = tuple(fields)


class IdempotencyKeyReusedError(UserError):
    """This Idempotency-Key came before with another body."""


class UserNotFoundError(UserError):
    """No user has this id."""


class StaleVersionError(UserError):
    """The user's version is no longer the one that the caller named."""


class UnavailableError(UserError):
    """The tables can't take the request now.

    Attributes:
        cause: The service's own word for it, such as "ThrottlingException"; for the log, never for an answer.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


# Which emails and usernames count as the same.
#
# Each value that only one user may hold has an item in UserKeys, whose key is made here. What the
# user typed is stored beside the user, unchanged; only the comparison ignores case and, for
# usernames, ways of writing the same character.

LONGEST_KEY = 2048
"""Bytes: the most that a table's key may have (DynamoDB Developer Guide, "Quotas"). No registered value needs it."""


def email_key(email: str) -> str:
    """Give the UserKeys key of an email; two emails that differ by case alone have the same one."""
    return f"email#{email.casefold()}"


def username_key(username: str) -> str:
    """Give the UserKeys key of a username.

    Two usernames have the same one when they differ by case or by compatibility forms alone (the ligature of f and i,
    and the two letters). Folding the case can leave a text that normalising changes again, and the reverse, so each is
    done twice: the Unicode Standard's compatibility caseless match (section 3.13, D146).
    """
    folded = normalize("NFKD", normalize("NFKD", normalize("NFD", username).casefold()).casefold())
    return f"username#{normalize('NFKC', folded)}"


def keys_of(email: str | None, username: str | None) -> dict[str, str]:
    """Give the keys of a user's values by field; no key is of a value that is missing, empty or longer than one can be.

    Such values only a user has who came in by another way than registration.
    """
    keys = {"email": email_key(email) if email else "", "username": username_key(username) if username else ""}
    return {field: key for field, key in keys.items() if 0 < len(key.encode()) <= LONGEST_KEY}


# What registration and administration need of a place that keeps users.
#
# `functions.users.dynamodb_store` keeps them in DynamoDB; tests/support/users_in_memory.py keeps
# them in a dict. One contract, tests/local/test_users_store_contract.py, holds both to what stands
# here.

REGISTRATION_DIGEST = "registrationDigest"
"""The attribute beside a user's own that keeps what `add` was given: for us alone, nothing of the user's."""


class UserIdTakenError(Exception):
    """A user with this id is already stored: for whoever adds one to make sense of, no answer to a caller.

    Attributes:
        registration_digest: What `add` was given with that user, None when nothing.
    """

    def __init__(self, registration_digest: str | None) -> None:
        super().__init__("a user with this id is already stored")
        self.registration_digest = registration_digest


class UsersStore(Protocol):
    """Users, no two of which share an email or a username.

    Each method does all of its work or none of it, and may raise `UnavailableError`.
    """

    def add(self, user: User, registration_digest: str | None) -> None:
        """Store a new user.

        Raises:
            UserIdTakenError: The id is in use. This comes before any other complaint.
            AlreadyTakenError: Other users hold the email, the username or both; it names each.
        """
        ...

    def get(self, user_id: str) -> User | None:
        """Read a user as the last change left it."""
        ...

    def replace(self, current: User, changed: User) -> None:
        """Store `changed` in the place of `current` (the same id); values that it gave up are free for others at once.

        Raises:
            StaleVersionError: The stored user is gone, or another than `current` by version, email or username. This
                comes before any other complaint.
            AlreadyTakenError: Other users hold the new email, the new username or both; it names each.
        """
        ...

    def remove(self, user: User) -> None:
        """Remove a user; its email and username are free for others at once.

        Raises:
            StaleVersionError: The stored user is gone, or another than `user` by version, email or username.
        """
        ...
