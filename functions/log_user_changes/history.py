"""Writes changes to Activity behind a look at each user's closing item.

The stream says neither who deleted a user nor that the user was erased since; the closing item does
(functions/activity/closing_item.py). It is read, consistently, before anything is written. Whoever
erases a user writes the marker and waits for the longest invocation before removing values, so no
value comes back.
"""

from collections.abc import Callable, Iterable, Sequence

from functions.activity.closing_item import CLOSING_CHANGE_ID, deleted_by, is_erasure
from functions.activity.items import ActivityWriter, Image, ItemKey, ReadOutcome, WriteOutcome, is_key
from functions.stream_records.user_change import UserChange
from functions.users.user import UNKNOWN_ACTOR, version_of

ReadItems = Callable[[Sequence[ItemKey]], ReadOutcome]
"""Reads up to KEYS_PER_READ items of Activity, consistently."""

FreeKeys = Callable[[UserChange], str | None]
"""Frees the keys that a deletion left; returns why it couldn't, if another attempt may work."""

KEYS_PER_READ = 100


class History:
    """The history of a batch's users.

    Args:
        activity: writes the changes.
        read: reads the closing items.
    """

    def __init__(self, activity: ActivityWriter, read: ReadItems) -> None:
        self._activity = activity
        self._read = read
        self._closing: dict[str, Image] = {}

    def write(self, changes: Sequence[UserChange]) -> WriteOutcome:
        """Store the changes of users who aren't erased; those of erased users count as settled."""
        unread, interruption = self._look_up(dict.fromkeys(change.user_id for change in changes))
        known = next((at for at, change in enumerate(changes) if change.user_id in unread), len(changes))
        positions = [at for at, change in enumerate(changes[:known]) if not self.is_erased(change.user_id)]
        written = self._activity.write([self.completed(changes[at]) for at in positions])
        rejected = {positions[index]: reason for index, reason in written.rejected.items()}
        if written.interruption is not None:
            return WriteOutcome(positions[written.settled], rejected, written.interruption)
        return WriteOutcome(known, rejected, interruption)

    def is_erased(self, user_id: str) -> bool:
        """Say whether a user of the written changes is erased."""
        return user_id in self._closing and is_erasure(self._closing[user_id])

    def completed(self, change: UserChange) -> UserChange:
        """Return a written change with its actor, also of a deletion through the API."""
        closing = self._closing.get(change.user_id)
        if closing is None or change.kind != "DELETED" or change.actor != UNKNOWN_ACTOR:
            return change
        actor = deleted_by(closing, version_of(change.old_image or {}))
        return change if actor is None else change._replace(actor=actor)

    def is_deletion_past_the_api(self, change: UserChange) -> bool:
        """Say whether a written change is a deletion that no note of the API tells of."""
        return change.kind == "DELETED" and self.completed(change) is change

    def _look_up(self, user_ids: Iterable[str]) -> tuple[set[str], str | None]:
        """Read the users' closing items; return whose weren't read, and why."""
        # No item can have a key that DynamoDB refuses, and one such key fails a whole call.
        readable = [user_id for user_id in user_ids if is_key(user_id)]
        unread = set(readable)
        for start in range(0, len(readable), KEYS_PER_READ):
            some = readable[start : start + KEYS_PER_READ]
            outcome = self._read([(user_id, CLOSING_CHANGE_ID) for user_id in some])
            self._closing |= {user_id: item for (user_id, _), item in outcome.items.items()}
            unread -= set(some)
            if outcome.interruption is not None:
                return unread | {user_id for user_id, _ in outcome.unread}, outcome.interruption
        return unread, None


def write_and_free(history: History, free: FreeKeys, changes: Sequence[UserChange]) -> WriteOutcome:
    """Store the changes; then free the keys that deletions among them left."""
    written = history.write(changes)
    for position, change in enumerate(changes[: written.settled]):
        if history.is_deletion_past_the_api(change):
            reason = free(change)
            if reason is not None:
                rejected = {at: why for at, why in written.rejected.items() if at < position}
                return WriteOutcome(position, rejected, reason)
    return written
