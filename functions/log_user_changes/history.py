"""Writes changes to Activity behind a look at each user's closing item.

The stream says neither who deleted a user nor that the user was erased since; the closing item does
(functions/activity/closing_items.py).
"""

from collections.abc import Callable, Sequence

from functions.activity.closing_item import deleted_by
from functions.activity.closing_items import ClosingItems, ReadItems
from functions.activity.items import ActivityWriter, WriteOutcome
from functions.stream_records.user_change import UserChange
from functions.users.user import UNKNOWN_ACTOR, version_of

FreeKeys = Callable[[UserChange], str | None]
"""Frees the keys that a deletion left; returns why it couldn't, if another attempt may work."""


class History:
    """The history of a batch's users.

    Args:
        activity: writes the changes.
        read: reads the closing items.
    """

    def __init__(self, activity: ActivityWriter, read: ReadItems) -> None:
        self._activity = activity
        self._closing_items = ClosingItems(read)

    def write(self, changes: Sequence[UserChange]) -> WriteOutcome:
        """Store the changes of users who aren't erased; those of erased users count as settled."""
        unread, interruption = self._closing_items.look_up(change.user_id for change in changes)
        known = next((at for at, change in enumerate(changes) if change.user_id in unread), len(changes))
        positions = [at for at, change in enumerate(changes[:known]) if not self.is_erased(change.user_id)]
        written = self._activity.write([self.completed(changes[at]) for at in positions])
        rejected = {positions[index]: reason for index, reason in written.rejected.items()}
        if written.interruption is not None:
            return WriteOutcome(positions[written.settled], rejected, written.interruption)
        return WriteOutcome(known, rejected, interruption)

    def is_erased(self, user_id: str) -> bool:
        """Say whether a user of the written changes is erased."""
        return self._closing_items.is_erased(user_id)

    def completed(self, change: UserChange) -> UserChange:
        """Return a written change with its actor, also of a deletion through the API."""
        closing = self._closing_items.of(change.user_id)
        if closing is None or change.kind != "DELETED" or change.actor != UNKNOWN_ACTOR:
            return change
        actor = deleted_by(closing, version_of(change.old_image or {}))
        return change if actor is None else change._replace(actor=actor)

    def is_deletion_past_the_api(self, change: UserChange) -> bool:
        """Say whether a written change is a deletion that no note of the API tells of."""
        return change.kind == "DELETED" and self.completed(change) is change


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
