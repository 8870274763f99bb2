"""A `UsersStore` in a dict. One contract test runs on it and on the real store."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from threading import Lock

from functions.users.attributes import ATTRIBUTES, Attribute
from functions.users.user import (
    AlreadyTakenError,
    Deletion,
    RegistrationRequest,
    RepeatedRequestError,
    StaleVersionError,
    User,
    UserIdTakenError,
    UsersPage,
    held_keys,
)


class InMemoryUsers:
    """Users in a dict; every method is atomic."""

    def __init__(self, attributes: Sequence[Attribute] = ATTRIBUTES) -> None:
        self._attributes = attributes
        self._unique = {attribute.name for attribute in attributes if attribute.unique is not None}
        self.users: dict[str, User] = {}
        self.owners: dict[str, str] = {}
        self.deletions: list[Deletion] = []
        self._digests: dict[str, str] = {}
        self._lock = Lock()

    def add(self, user: User, request: RegistrationRequest | None) -> None:
        with self._lock:
            if user.user_id in self.users:
                raise UserIdTakenError
            if request is not None and request.key in self.owners:
                raise RepeatedRequestError(self.owners[request.key], self._digests[request.key])
            self._claim(user, {*self._keys(user)})
            if request is not None:
                self.owners[request.key] = user.user_id
                self._digests[request.key] = request.digest
                user = user._replace(request_key=request.key)
            self.users[user.user_id] = user

    def get(self, user_id: str) -> User | None:
        return self.users.get(user_id)

    def owner(self, key: str) -> str | None:
        return self.owners.get(key)

    def request(self, key: str) -> tuple[str, str | None] | None:
        """Return the user whom a request registered, and the request's digest."""
        return (self.owners[key], self._digests[key]) if key in self.owners else None

    def page(self, limit: int, after: str | None) -> UsersPage:
        left = [user for user_id, user in sorted(self.users.items()) if after is None or user_id > after]
        return UsersPage(left[:limit], left[limit - 1].user_id if len(left) > limit else None)

    def replace(self, current: User, changed: User) -> None:
        with self._lock:
            self._require(current)
            before, after = self._keys(current), self._keys(changed)
            self._claim(changed, after.keys() - before.keys())
            for key in before.keys() - after.keys():
                self._release(key, current.user_id)
            self.users[changed.user_id] = changed

    def remove(self, user: User, deletion: Deletion | None = None) -> None:
        with self._lock:
            self._require(user)
            for key in self._keys(user):
                self._release(key, user.user_id)
            if user.request_key is not None:
                self._release(user.request_key, user.user_id)
            del self.users[user.user_id]
            self.deletions += [deletion] if deletion else []

    def _require(self, user: User) -> None:
        stored = self.users.get(user.user_id)
        if stored is None or self._guarded(stored) != self._guarded(user):
            raise StaleVersionError

    def _guarded(self, user: User) -> tuple[object, ...]:
        return user.version, *(user.values.get(name) for name in sorted(self._unique))

    def _claim(self, user: User, keys: AbstractSet[str]) -> None:
        fields = {key: field for key, field in self._keys(user).items() if key in keys}
        taken = [field for key, field in fields.items() if self.owners.get(key, user.user_id) != user.user_id]
        if taken:
            raise AlreadyTakenError(taken)
        self.owners.update(dict.fromkeys(fields, user.user_id))

    def _release(self, key: str, owner: str) -> None:
        if self.owners.get(key) == owner:
            del self.owners[key]

    def _keys(self, user: User) -> dict[str, str]:
        return held_keys(user.values, self._attributes)
