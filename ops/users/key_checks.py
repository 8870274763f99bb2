"""What is right between Users and UserKeys, and the repair of what isn't.

What no repair mends is found with it: values that can have no key, and ids without a path.

Registration, change and deletion write a user and its keys in one transaction, so at no moment does
a correct pair disagree. A repair gives a key to a user who is stored with its value, or frees it.
It never takes a key from a user who is stored with its value, only from one whose value looks
like it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from functions.stream_records.attribute_values import AttributeValue, Image
from functions.users.attributes import Attribute
from functions.users.transaction import PENDING
from functions.users.user import MAILS_PREFIX, has_path, held_keys, keys_of
from ops.aws.user_keys import KeyChange, KeyRepair, Snapshot, owner_of
from ops.users.findings import REPAIRABLE, Finding, Problem


class Judgement(NamedTuple):
    """The problems of one user or key, and the repair of those that have one."""

    findings: Sequence[Finding] = ()
    repair: KeyRepair | None = None
    left: Sequence[Finding] = ()
    """What the repair leaves behind: users whose value looks like the one that got their key."""


def keys_of_image(image: Image | None, attributes: Sequence[Attribute]) -> dict[str, str]:
    """Return the keys by which a stored user should be found, by attribute."""
    return keys_of(_texts(image, attributes), attributes)


def held_keys_of_image(image: Image | None, attributes: Sequence[Attribute]) -> dict[str, str]:
    """Return the attribute of each key that a stored user should hold."""
    return held_keys(_texts(image, attributes), attributes)


def _texts(image: Image | None, attributes: Sequence[Attribute]) -> dict[str, str]:
    return {each.name: image[each.name]["S"] for each in attributes if image and "S" in image.get(each.name, {})}


def users_to_check(
    images: Iterable[Image], owners: Mapping[str, str], attributes: Sequence[Attribute]
) -> Iterable[str]:
    """Yield the users who lack a key, or of whom `_lasting_problems` knows one."""
    for image in images:
        user_id = image["userId"]["S"]
        keys = held_keys_of_image(image, attributes)
        if any(owners.get(key) != user_id for key in keys) or list(_lasting_problems(image, attributes)):
            yield user_id


def keys_to_check(
    items: Iterable[Image], images: Mapping[str, Image], attributes: Sequence[Attribute], now: float
) -> Iterable[str]:
    """Yield the keys whose user isn't stored, or not with their value."""
    for item in items:
        if not expired(item, now) and _wrong(item["key"]["S"], images.get(owner_of(item)), attributes):
            yield item["key"]["S"]


def is_of_user(item: Image) -> bool:
    """Say whether an item is there for a user.

    Not those of a registration to be confirmed, which has no user yet, nor counts of mails: they go
    when they expire.
    """
    return PENDING not in item and not item["key"]["S"].startswith(MAILS_PREFIX)


def expired(item: Image, now: float) -> bool:
    """Say whether DynamoDB's TTL deletes the item within days; then it counts as deleted."""
    expires_at = item.get("expiresAt", {}).get("N")
    return expires_at is not None and float(expires_at) <= now


def judge_user(user_id: str, snapshot: Snapshot, attributes: Sequence[Attribute]) -> Judgement | None:
    """Return what is wrong with a user's keys; None if the snapshot lacks one or its owner."""
    image = snapshot.users[user_id]
    if image is None:
        return Judgement()
    held, own = held_keys_of_image(image, attributes), keys_of_image(image, attributes)
    if not snapshot.keys.keys() >= held.keys():
        return None
    findings = list(_lasting_problems(image, attributes))
    users: dict[str, Mapping[str, AttributeValue | None] | None] = {}
    changes: dict[str, KeyChange] = {}
    left: list[Finding] = []
    for key, name in held.items():
        owner = snapshot.owner(key)
        if owner == user_id:
            continue
        if owner is not None and owner not in snapshot.users:
            return None
        other = snapshot.users[owner] if owner is not None else None
        problem = _problem_of(key, other, attributes, is_own=own.get(name) == key)
        # Who lacks the key of the value itself gets both, and is named once.
        holds_own = name not in own or snapshot.owner(own[name]) == user_id
        if problem is not Problem.WITHOUT_ALIKE_KEY or holds_own:
            findings.append(Finding(problem, user_id, key, name, image[name]["S"], owner))
        if problem in REPAIRABLE:
            changes[key] = KeyChange(owner, user_id)
            if owner is not None:
                users[owner] = other if other is None else {name: other.get(name)}
            if owner is not None and other is not None and key in held_keys_of_image(other, attributes):
                left.append(Finding(Problem.ALIKE, owner, key, name, other[name]["S"], user_id))
    repaired = {held[key]: image[held[key]] for key in changes}
    repair = KeyRepair({user_id: repaired, **users}, changes) if changes else None
    return Judgement(findings, repair, left)


def _problem_of(key: str, other: Image | None, attributes: Sequence[Attribute], *, is_own: bool) -> Problem:
    """Return what it means that a user lacks a key, which `other` may hold.

    Whose value it is goes before those whose values look like it.
    """
    if key in keys_of_image(other, attributes).values():
        return Problem.TAKEN if is_own else Problem.ALIKE
    if is_own:
        return Problem.WITHOUT_KEY
    return Problem.ALIKE if key in held_keys_of_image(other, attributes) else Problem.WITHOUT_ALIKE_KEY


def judge_key(key: str, snapshot: Snapshot, attributes: Sequence[Attribute], now: float) -> Judgement | None:
    """Return what is wrong with a key; None if the snapshot lacks its owner."""
    item = snapshot.keys[key]
    if item is None or expired(item, now) or not is_of_user(item):
        return Judgement()
    owner = owner_of(item)
    if owner not in snapshot.users:
        return None
    image = snapshot.users[owner]
    if not _wrong(key, image, attributes):
        return Judgement()
    name = key.partition("#")[0]
    change = {key: KeyChange(owner, None)}
    if image is None:
        finding = Finding(Problem.KEY_WITHOUT_USER, owner, key, name)
        return Judgement([finding], KeyRepair({owner: None}, change))
    finding = Finding(Problem.KEY_WITHOUT_VALUE, owner, key, name)
    return Judgement([finding], KeyRepair({owner: {name: image.get(name)}}, change))


def _wrong(key: str, image: Image | None, attributes: Sequence[Attribute]) -> bool:
    """Say whether a key's user isn't stored, or is with another value.

    The key of a request, or of an attribute that is no longer unique, holds as long as its user.
    """
    if image is None:
        return True
    name = key.partition("#")[0]
    unique = {each.name for each in attributes if each.unique is not None}
    return name in unique and key not in held_keys_of_image(image, attributes)


def _lasting_problems(image: Image, attributes: Sequence[Attribute]) -> Iterable[Finding]:
    """Yield an id without a path, and the values that can have no key.

    A value that is missing or empty needs none.
    """
    keys = keys_of_image(image, attributes)
    if not has_path(image["userId"]["S"]):
        yield Finding(Problem.UNREACHABLE, image["userId"]["S"])
    for each in attributes:
        value = image.get(each.name, {"NULL": True})
        if each.unique is None or each.name in keys or "NULL" in value or value == {"S": ""}:
            continue
        problem = Problem.TOO_LONG if "S" in value else Problem.NOT_TEXT
        yield Finding(problem, image["userId"]["S"], attribute=each.name, value=value.get("S"))
