"""A `PendingStore` in dicts. One contract test runs on it and on the real store."""

from collections.abc import Mapping, Sequence
from threading import Lock

from functions.users.attributes import ATTRIBUTES, Attribute
from functions.users.confirmation import MAILS_PER_ADDRESS, MAILS_SECONDS, PendingRegistration, address_attribute
from functions.users.user import (
    AlreadyTakenError,
    ConfirmationLinkError,
    RegistrationRequest,
    RepeatedRequestError,
    User,
    UserIdTakenError,
    held_keys,
)
from tests.support.users.users_in_memory import InMemoryUsers


class InMemoryPending:
    """Registrations to be confirmed, beside the users of `users`; every method is atomic."""

    def __init__(self, users: InMemoryUsers, attributes: Sequence[Attribute] = ATTRIBUTES) -> None:
        self.users = users
        self.pending: dict[str, PendingRegistration] = {}
        self._attributes = attributes
        self._address = address_attribute(attributes).name
        self._holders: dict[str, str] = {}
        self._requests: dict[str, str] = {}
        self._mails: dict[str, tuple[int, int]] = {}
        self._lock = Lock()

    def add(self, pending: PendingRegistration, now: int) -> None:
        with self._lock:
            if pending.user_id in self.pending:
                raise UserIdTakenError
            request = pending.request
            if request is not None and (earlier := self._earlier(request, now)):
                raise RepeatedRequestError(*earlier)
            keys = {key: name for key, name in self._keys(pending).items() if name != self._address}
            self._require_free(pending, keys, now)
            self.pending[pending.user_id] = pending
            self._holders.update(dict.fromkeys(keys, pending.user_id))
            if request is not None:
                self._requests[request.key] = pending.user_id

    def get(self, user_id: str, now: int) -> PendingRegistration | None:
        return self._alive(user_id, now)

    def confirm(self, pending: PendingRegistration, user: User, request: RegistrationRequest | None, now: int) -> None:
        with self._lock:
            if self._alive(pending.user_id, now) is None:
                raise ConfirmationLinkError
            self._require_free(pending, self._keys(pending), now)
            del self.pending[pending.user_id]
            self.users.add(user, request)

    def is_registered(self, address_key: str, now: int) -> bool:  # noqa: ARG002  the protocol's parameters
        return self.users.owner(address_key) is not None

    def count_mail(self, count_key: str, now: int) -> bool:
        with self._lock:
            sent, until = self._mails.get(count_key, (0, 0))
            if until <= now:
                sent, until = 0, now + MAILS_SECONDS
            if sent == MAILS_PER_ADDRESS:
                return False
            self._mails[count_key] = sent + 1, until
            return True

    def _alive(self, user_id: str, now: int) -> PendingRegistration | None:
        found = self.pending.get(user_id)
        return found if found is not None and found.expires_at > now else None

    def _earlier(self, request: RegistrationRequest, now: int) -> tuple[str, str | None] | None:
        pending = self._alive(self._requests.get(request.key, ""), now)
        if pending is not None and pending.request is not None:
            return pending.user_id, pending.request.digest
        return self.users.request(request.key)

    def _require_free(self, pending: PendingRegistration, keys: Mapping[str, str], now: int) -> None:
        def is_taken(key: str) -> bool:
            holder = self._alive(self._holders.get(key, ""), now)
            held = holder is not None and holder.user_id != pending.user_id
            return held or self.users.owner(key) is not None

        taken = [name for key, name in keys.items() if is_taken(key)]
        if taken:
            raise AlreadyTakenError(taken)

    def _keys(self, pending: PendingRegistration) -> dict[str, str]:
        return held_keys(pending.registration, self._attributes)
