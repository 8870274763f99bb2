"""What registration and administration need of a place that keeps users.

`functions.users.dynamodb_store` keeps them in DynamoDB; tests/users_in_memory.py keeps them in a dict. One contract,
tests/local/test_users_store_contract.py, holds both to what stands here.
"""

from typing import Protocol

from functions.users.user import User

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
