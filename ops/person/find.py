"""Find a person: from an id or a unique value to the user's id, and what is known of that user."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from functions.activity.closing_item import is_deletion_note, is_erasure
from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import Image
from functions.users.attributes import ATTRIBUTES
from functions.users.user import held_keys, keys_of
from ops.aws.services import Services
from ops.errors import NotFoundError, WrongUsageError
from ops.person.stored import plain

BY_ID = "id"


def search_names() -> list[str]:
    """Return what a person can be found by: `id`, and each unique attribute."""
    return [BY_ID, *(each.name for each in ATTRIBUTES if each.unique is not None)]


class Ending(NamedTuple):
    """How a user's data ended: deleted or erased."""

    occurred_at: str | None
    actor: str | None


class KnownUser(NamedTuple):
    """What the tables say of a user's id."""

    user_id: str
    found_by: Sequence[str]
    """By what the value led here: of `search_names`."""
    item: JsonObject | None
    """The user as stored, in plain values; None if there is none."""
    changes: int
    """In the history."""
    first_change: str | None  # when, as the change's item says it; like the next
    last_change: str | None
    deleted: Ending | None
    erased: Ending | None

    @property
    def state(self) -> str:
        """Say in a word or two what became of the user."""
        if self.item is not None:
            return "stored"
        if self.erased is not None:
            return "erased"
        if self.deleted is not None:
            return "deleted"
        return "not stored" if self.changes else "a key without a user"


def find(services: Services, value: str, by: str | None = None) -> list[KnownUser]:
    """Return the users whose id or unique value it is, whatever form of the value it is.

    Several, if it is one user's id and another one's username. A user who is deleted is found by
    the id alone, and one who was imported by values once `verify --repair` has written their keys.

    Args:
        services: of the stack.
        value: an id, or a value of a unique attribute.
        by: of `search_names`; None for all of them.
    """
    if not value:  # a script's unset variable
        raise WrongUsageError("The value is empty", "give a user's id or a value such as the email")
    names = [by] if by else search_names()
    keys = keys_of({each.name: value for each in ATTRIBUTES if each.unique is not None and each.name in names})
    owners = services.user_keys().owners([*keys.values()])
    found_by: dict[str, list[str]] = {}
    if BY_ID in names:
        found_by[value] = [BY_ID]
    for name, key in keys.items():
        if key in owners:
            found_by.setdefault(owners[key], []).append(name)
    users = [_by_own_values(_known(services, user_id, names), keys) for user_id, names in found_by.items()]
    return [user for user in users if user.found_by and _is_known(user)]


def find_one(services: Services, value: str, by: str | None = None) -> str:
    """Return the id of the one user whose id or unique value it is.

    Said to be an id, it is taken for one even if the tables don't know it: a queue may.

    Raises:
        NotFoundError: There is none.
        WrongUsageError: There are several.
    """
    if by == BY_ID and value:
        return value
    found = find(services, value, by)
    if not found:
        raise nobody(value)
    if len(found) > 1:
        listed = " and ".join(f"{user.user_id} (by {', '.join(user.found_by)})" for user in found)
        raise WrongUsageError(f"{value!r} finds {len(found)} users: {listed}", "say --by id, or by what else")
    return found[0].user_id


def nobody(value: str) -> NotFoundError:
    """Return the error for a value that leads to no user."""
    return NotFoundError(
        f"Nobody is found by {value!r}",
        "a deleted user is found by the id alone; an imported user by values once `verify --repair` has run; "
        "an id that only queues may know: --by id",
    )


def _known(services: Services, user_id: str, found_by: Sequence[str]) -> KnownUser:
    item = services.users().get(user_id)
    changes, times = 0, list[str]()
    deleted = erased = None
    for entry in services.activity().items(user_id):  # newest first
        if is_erasure(entry):
            erased = _ending(entry)
        elif is_deletion_note(entry):
            deleted = _ending(entry)
        else:
            changes += 1
            times.append(_text(entry, "occurredAt") or "")
            if changes == 1 and deleted is None and _text(entry, "kind") == "DELETED":
                deleted = _ending(entry)
    return KnownUser(
        user_id=user_id,
        found_by=found_by,
        item=None if item is None else plain(item),
        changes=changes,
        first_change=times[-1] if times else None,
        last_change=times[0] if times else None,
        deleted=None if item is not None else deleted,
        erased=erased,
    )


def _by_own_values(user: KnownUser, keys: Mapping[str, str]) -> KnownUser:
    """Leave out what a stored user's value only looks like, though the user holds its key."""
    texts = {name: value for name, value in (user.item or {}).items() if isinstance(value, str)}
    alike = held_keys(texts).keys() - keys_of(texts).values()
    return user._replace(found_by=[name for name in user.found_by if keys.get(name) not in alike])


def _is_known(user: KnownUser) -> bool:
    by_value = any(name != BY_ID for name in user.found_by)
    return by_value or user.item is not None or bool(user.changes or user.deleted or user.erased)


def _ending(entry: Image) -> Ending:
    return Ending(_text(entry, "occurredAt"), _text(entry, "actor"))


def _text(entry: Image, name: str) -> str | None:
    return entry.get(name, {}).get("S")
