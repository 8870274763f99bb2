"""Every reason for which the users part refuses a request.

UserError
├── InvalidFieldsError        one or more fields break a rule
├── AlreadyTakenError         another user holds this email or username
├── IdempotencyKeyReusedError the key was sent before, with another body
├── UserNotFoundError         no user has this id
├── StaleVersionError         the user has changed since the version the caller named
└── UnavailableError          the tables can't take the request right now; the same request may succeed later

`functions.http_api.problems` gives each its answer. No message holds a name, an email or a table: they end in answers
and in logs.
"""

from collections.abc import Sequence
from typing import NamedTuple


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
