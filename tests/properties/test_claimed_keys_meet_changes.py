"""Keys are claimed for imported users while others register, change and leave, or it is killed."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from functions.stream_records.attribute_values import Image
from functions.users.service import change_user, register, remove_user
from functions.users.user import User, UserError, keys_of
from ops.aws.tables import UsersPage, UsersReader
from ops.job import Job
from ops.users.key_claims import KeyClaims, KeyClaimsReport, KeyOutcome
from tests.support.ops.queue_in_memory import KilledError, StepLimit
from tests.support.ops.user_keys_in_memory import UserKeysInMemory
from tests.support.users.people import registration
from tests.support.users.users_in_memory import InMemoryUsers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.users.user import UserChanges

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

# A small world, so that users meet: some are the same whatever their case.
EMAILS = [None, "a@example.com", "A@example.com", "b@example.com", "c@example.com"]
USERNAMES = [None, "alice", "Alice", "bob", "carol"]

emails, usernames = st.sampled_from(EMAILS), st.sampled_from(USERNAMES)
Actions = list[tuple[str, int, str | None, str | None]]
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["register", "change", "change", "delete", ""]), st.integers(0, 9), emails, usernames),
    max_size=25,
)


def _present(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


class World(UsersReader):
    """The tables, which others write to whenever the claiming takes a step."""

    def __init__(self, imported: list[tuple[str | None, str | None]], registered: int, actions: Actions) -> None:
        self.users = InMemoryUsers()
        self.step_limit = StepLimit()
        self.registrations = 0
        self.actions: Iterator[tuple[str, int, str | None, str | None]] = iter(actions)
        for number, (email, username) in enumerate(imported):
            user_id = f"imported-{number}"
            self.users.users[user_id] = User(user_id, _present(email=email, username=username), 1, None, None)
        for number in range(registered):
            self.act("register", number, EMAILS[1 + number], USERNAMES[1 + number])

    def act(self, action: str, whom: int, email: str | None, username: str | None) -> None:
        user_ids = sorted(self.users.users)
        user_id = user_ids[whom % len(user_ids)] if user_ids else ""
        # A refusal is an answer too: the store keeps its word then as well.
        with suppress(UserError):
            if action == "register" and email and username:
                self.registrations += 1
                body = registration(self.registrations, email=email, username=username)
                # By its key an id is the same in each run of an example.
                register(self.users, body, idempotency_key=f"{self.registrations}", now=NOW)
            elif action == "change":
                changes: UserChanges = {"name": f"{whom}"}
                if email:
                    changes["email"] = email
                if username:
                    changes["username"] = username
                change_user(self.users, user_id, changes, precondition=None, now=NOW)
            elif action == "delete":
                remove_user(self.users, user_id, precondition=None)

    def step(self) -> None:
        self.step_limit.step()
        self.act(*next(self.actions, ("", 0, None, None)))

    def image(self, user_id: str) -> Image | None:
        user = self.users.users.get(user_id)
        if user is None:
            return None
        return {name: {"S": text} for name, text in {"userId": user_id, **user.values}.items()}

    @override
    def page(self, after: str | None) -> UsersPage:
        self.step()
        rest = [user_id for user_id in sorted(self.users.users) if after is None or user_id > after]
        page, more = rest[:3], len(rest) > 3
        images = [image for user_id in page if (image := self.image(user_id)) is not None]
        return UsersPage(images, page[-1] if more else None)

    def claim_keys(self, steps: int | None = None) -> KeyClaimsReport | None:
        self.step_limit.steps = steps
        work = Job(now=lambda: 0.0, sleep=lambda _: None)
        keys = UserKeysInMemory(self.users.owners, self.image, self.step)
        try:
            return KeyClaims(self, keys, work, users_per_second=1e9).run()
        except KilledError:
            return None
        finally:
            self.step_limit.steps = None

    def assert_no_key_is_wrong(self) -> None:
        """Every key is owned by a stored user, for a value of theirs."""
        for key, holder in self.users.owners.items():
            user = self.users.users[holder]
            assert key in keys_of(user.values).values()


@given(
    imported=st.lists(st.tuples(emails, usernames), max_size=8),
    registered=st.integers(0, 3),
    actions=ACTIONS,
    kills=st.lists(st.integers(0, 20), max_size=3),
)
def test_every_value_ends_with_its_key(
    imported: list[tuple[str | None, str | None]], registered: int, actions: Actions, kills: list[int]
) -> None:
    world = World(imported, registered, actions)
    for steps in kills:
        world.claim_keys(steps)
        world.assert_no_key_is_wrong()
    world.claim_keys()
    world.assert_no_key_is_wrong()
    for action in world.actions:
        world.act(*action)
    world.assert_no_key_is_wrong()

    report = world.claim_keys()
    world.assert_no_key_is_wrong()
    assert report is not None
    assert report.users == len(world.users.users)
    without = {
        (user.user_id, name)
        for user in world.users.users.values()
        for name, key in keys_of(user.values).items()
        if world.users.owners.get(key) != user.user_id
    }
    # A value lacks its user's key only if another user holds it, and each of them is reported.
    assert {(problem.user_id, problem.attribute) for problem in report.problems} == without
    for problem in report.problems:
        assert problem.outcome == KeyOutcome.TAKEN
        assert problem.owner in world.users.users
    # No value that is stored can be registered by anyone else.
    stored = {key for user in world.users.users.values() for key in keys_of(user.values).values()}
    assert stored == set(world.users.owners)
