"""The tables of a stack in memory, as an erasure writes them: a transaction is one step."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from functions.activity.closing_item import CLOSING_CHANGE_ID
from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import Image
from functions.users.user import held_keys
from ops.aws.person_tables import Closing, PersonTables
from tests.support.ops.queue_in_memory import StepLimit

if TYPE_CHECKING:
    from functions.activity.items import ItemKey


class PersonTablesInMemory(PersonTables):
    """A `PersonTables` over dicts; a kill may come before and after each call."""

    def __init__(
        self, users: dict[str, Image], keys: dict[str, str], activity: "dict[ItemKey, Image]", step_limit: StepLimit
    ) -> None:
        self._stored = users
        self._owners = keys
        self._items = activity
        self._step_limit = step_limit

    def user(self, user_id: str) -> Image | None:
        self._step_limit.step()
        return self._stored.get(user_id)

    def closing_item(self, user_id: str) -> Image | None:
        self._step_limit.step()
        return self._items.get((user_id, CLOSING_CHANGE_ID))

    def close(self, marker: JsonObject, user: Image | None) -> Closing:
        self._step_limit.step()
        user_id = marker["userId"]["S"]
        if self._stored.get(user_id) != user:
            return Closing(closed=False)
        self._items[user_id, CLOSING_CHANGE_ID] = marker
        self._stored.pop(user_id, None)
        texts = {name: value["S"] for name, value in (user or {}).items() if "S" in value}
        freed = [key for key in held_keys(texts) if self._owners.get(key, user_id) == user_id]
        for key in freed:
            self._owners.pop(key, None)
        self._step_limit.step()
        return Closing(closed=True, keys=len(freed))

    def keys_of(self, user_id: str) -> Iterator[list[str]]:
        self._step_limit.step()
        for key, owner in list(self._owners.items()):
            yield [key] if owner == user_id else []

    def free_key(self, key: str, user_id: str) -> bool:
        self._step_limit.step()
        if self._owners.get(key) != user_id:
            return False
        del self._owners[key]
        return True

    def changes(self, user_id: str) -> Iterator[list[str]]:
        self._step_limit.step()
        yield [change_id for owner, change_id in self._items if owner == user_id and change_id < CLOSING_CHANGE_ID]

    def delete_changes(self, user_id: str, change_ids: Sequence[str]) -> None:
        for change_id in change_ids:
            self._step_limit.step()
            self._items.pop((user_id, change_id), None)
