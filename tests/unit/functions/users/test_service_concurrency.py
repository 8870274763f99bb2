"""Changes that meet other changes of the same user between their read and their write."""

from datetime import UTC, datetime

import pytest

from functions.users.service import TRIES, change_user, remove_user
from functions.users.user import StaleVersionError, UnavailableError, User, UserNotFoundError
from tests.support.users.people import user, with_values
from tests.support.users.users_in_memory import InMemoryUsers

NOW = datetime(2026, 11, 23, 11, tzinfo=UTC)
ARN = "arn:aws:sts::123456789012:assumed-role/Support/eve"
ALICE = user()


class ContestedUsers(InMemoryUsers):
    """A store in which somebody else changes or removes the user after each of the first reads."""

    def __init__(self, rivals: int, *, remove: bool = False) -> None:
        super().__init__()
        self.add(ALICE, None)
        self._rivals = rivals
        self._remove = remove

    def get(self, user_id: str) -> User | None:
        user = super().get(user_id)
        if user is not None and self._rivals:
            self._rivals -= 1
            if self._remove:
                self.remove(user)
            else:
                self.replace(
                    user, with_values(user, username=f"rival-{user.version}")._replace(version=user.version + 1)
                )
        return user


def test_a_change_is_retried_after_other_changes_and_keeps_them() -> None:
    users = ContestedUsers(TRIES - 1)
    changed = change_user(users, "7", {"name": "Eve"}, precondition=None, actor=ARN, now=NOW)
    expected = with_values(ALICE, name="Eve", username=f"rival-{TRIES - 1}")
    assert changed == expected._replace(version=TRIES + 1, updated_at="2026-11-23T11:00:00.000Z", changed_by=ARN)
    assert users.get("7") == changed


def test_a_change_that_loses_every_try_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        change_user(ContestedUsers(TRIES), "7", {"name": "Eve"}, precondition=None, actor=ARN, now=NOW)


def test_a_change_with_if_match_is_stale_after_another_change() -> None:
    users = ContestedUsers(1)
    with pytest.raises(StaleVersionError):
        change_user(users, "7", {"name": "Eve"}, precondition=lambda version: version == 1, actor=ARN, now=NOW)
    stored = users.get("7")
    assert stored is not None
    assert (stored.values["name"], stored.values["username"]) == ("Alice", "rival-1")


def test_a_removal_is_retried_after_other_changes() -> None:
    users = ContestedUsers(1)
    remove_user(users, "7", precondition=None, actor=ARN, now=NOW)
    assert users.get("7") is None
    assert users.owners == {}


def test_a_removal_with_if_match_is_stale_after_another_change() -> None:
    with pytest.raises(StaleVersionError):
        remove_user(ContestedUsers(1), "7", precondition=lambda version: version == 1, actor=ARN, now=NOW)


def test_a_user_removed_between_read_and_write_is_not_found() -> None:
    with pytest.raises(UserNotFoundError):
        change_user(ContestedUsers(1, remove=True), "7", {"name": "Eve"}, precondition=None, actor=ARN, now=NOW)
    with pytest.raises(UserNotFoundError):
        remove_user(ContestedUsers(1, remove=True), "7", precondition=None, actor=ARN, now=NOW)
