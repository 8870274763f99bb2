"""A `UserKeysTable` over a dict; test_verify_on_dynamodb tests it like the real table."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from functions.stream_records.attribute_values import Image
from ops.aws.user_keys import ITEMS_PER_TRANSACTION, KeyRepair, KeysPage, Snapshot, UserKeysTable

KEYS_PER_PAGE = 4


class UserKeysInMemory(UserKeysTable):
    """Keys and their owners.

    Args:
        keys: The table.
        stored: Returns a user as stored now, or None if there is none.
        before: Called before each read and each write: what others do meanwhile, or the end of this
            process.
    """

    def __init__(
        self, keys: dict[str, str], stored: Callable[[str], Image | None], before: Callable[[], None] = lambda: None
    ) -> None:
        self._keys = keys
        self._stored = stored
        self._before = before

    def owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        self._before()
        return {key: self._keys[key] for key in keys if key in self._keys}

    def pages_of(self, user_id: str) -> Iterator[list[Image]]:
        self._before()
        for key, owner in self._keys.items():
            yield [{"key": {"S": key}, "userId": {"S": owner}}] if owner == user_id else []

    def page(self, after: str | None) -> KeysPage:
        self._before()
        rest = [key for key in sorted(self._keys) if after is None or key > after]
        page, more = rest[:KEYS_PER_PAGE], len(rest) > KEYS_PER_PAGE
        return KeysPage([_item(key, self._keys[key]) for key in page], page[-1] if more else None)

    def snapshot(self, user_ids: Collection[str], keys: Collection[str]) -> Snapshot | None:
        self._before()
        assert len(user_ids) + len(keys) <= ITEMS_PER_TRANSACTION
        items = {key: _item(key, self._keys[key]) if key in self._keys else None for key in keys}
        return Snapshot({user_id: self._stored(user_id) for user_id in user_ids}, items)

    def repair(self, repairs: Sequence[KeyRepair]) -> list[bool]:
        return [self._repair(repair) for repair in repairs]

    def _repair(self, repair: KeyRepair) -> bool:
        self._before()
        for user_id, values in repair.users.items():
            image = self._stored(user_id)
            if (image is None) != (values is None):
                return False
            if image is not None and values is not None and {name: image.get(name) for name in values} != values:
                return False
        if any(self._keys.get(key) != change.before for key, change in repair.keys.items()):
            return False
        for key, change in repair.keys.items():
            if change.after is None:
                del self._keys[key]
            else:
                self._keys[key] = change.after
        return True


def _item(key: str, owner: str) -> Image:
    return {"key": {"S": key}, "userId": {"S": owner}}
