"""What the closing items of users say (functions/activity/closing_item.py).

Whoever erases a user writes the marker and waits for the longest invocation before removing values.
So an invocation that reads the marker first, and then writes nothing of the user, brings none back.
"""

from collections.abc import Callable, Sequence

from functions.activity.closing_item import CLOSING_CHANGE_ID, is_erasure
from functions.activity.items import Image, ItemKey, ReadOutcome, is_key

ReadItems = Callable[[Sequence[ItemKey]], ReadOutcome]
"""Reads up to KEYS_PER_READ items of Activity, consistently."""

KEYS_PER_READ = 100

ERASED_USER = "RECORD OF AN ERASED USER:"
"""What the log says of a record of which nothing is kept."""


class ClosingItems:
    """What is known of some users; `read` reads the items, each once."""

    def __init__(self, read: ReadItems) -> None:
        self._read = read
        self._items: dict[str, Image | None] = {}

    def look_up(self, user_ids: Sequence[str | None]) -> tuple[int, str | None]:
        """Read the closing items of the users; None stands for nobody.

        Return how many of the users, from the first on, are known then, and why not all.
        """
        # No item can have a key that DynamoDB refuses, and one such key fails a whole call.
        wanted = [one for one in dict.fromkeys(user_ids) if one and one not in self._items and is_key(one)]
        for start in range(0, len(wanted), KEYS_PER_READ):
            some = wanted[start : start + KEYS_PER_READ]
            outcome = self._read([(user_id, CLOSING_CHANGE_ID) for user_id in some])
            unread = {user_id for user_id, _ in outcome.unread}
            for user_id in some:
                if user_id not in unread:
                    self._items[user_id] = outcome.items.get((user_id, CLOSING_CHANGE_ID))
            if outcome.interruption is not None:
                unread.update(wanted[start + KEYS_PER_READ :])
                known = next((at for at, one in enumerate(user_ids) if one in unread), len(user_ids))
                return known, outcome.interruption
        return len(user_ids), None

    def of(self, user_id: str) -> Image | None:
        """Return the closing item of a user who was looked up, if there is one."""
        return self._items.get(user_id)

    def is_erased(self, user_id: str | None) -> bool:
        """Say whether a user who was looked up is erased."""
        item = self._items.get(user_id) if user_id else None
        return item is not None and is_erasure(item)
