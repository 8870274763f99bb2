"""A `UsersStore` in a dict. One contract test runs on it and on the real store."""

from threading import Lock

from functions.users.user import AlreadyTakenError, StaleVersionError, User, UserIdTakenError, keys_of


class InMemoryUsers:
    """Users in a dict; every method is atomic."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.owners: dict[str, str] = {}
        self._digests: dict[str, str | None] = {}
        self._lock = Lock()

    def add(self, user: User, registration_digest: str | None) -> None:
        with self._lock:
            if user.user_id in self.users:
                raise UserIdTakenError(self._digests[user.user_id])
            self._claim(user, {"email", "username"})
            self._digests[user.user_id] = registration_digest
            self.users[user.user_id] = user

    def get(self, user_id: str) -> User | None:
        return self.users.get(user_id)

    def replace(self, current: User, changed: User) -> None:
        with self._lock:
            self._require(current)
            before, after = _keys(current), _keys(changed)
            moved = {field for field in after if after[field] != before.get(field)}
            self._claim(changed, moved)
            for field in moved & before.keys():
                self._release(before[field], current.user_id)
            self.users[changed.user_id] = changed

    def remove(self, user: User) -> None:
        with self._lock:
            self._require(user)
            for key in _keys(user).values():
                self._release(key, user.user_id)
            del self.users[user.user_id]

    def _require(self, user: User) -> None:
        stored = self.users.get(user.user_id)
        if stored is None or (stored.version, stored.email, stored.username) != (
            user.version,
            user.email,
            user.username,
        ):
            raise StaleVersionError

    def _claim(self, user: User, fields: set[str]) -> None:
        keys = {field: key for field, key in _keys(user).items() if field in fields}
        taken = [field for field, key in keys.items() if self.owners.get(key, user.user_id) != user.user_id]
        if taken:
            raise AlreadyTakenError(taken)
        self.owners.update(dict.fromkeys(keys.values(), user.user_id))

    def _release(self, key: str, owner: str) -> None:
        if self.owners.get(key) == owner:
            del self.owners[key]


def _keys(user: User) -> dict[str, str]:
    return keys_of(user.email, user.username)
