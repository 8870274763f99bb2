"""Writes changes to Activity behind a look at each user's closing item.

The stream says neither who deleted a user nor that the user was erased since; the closing item does
(functions/activity/closing_items.py).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from functions.activity.closing_item import deleted_by, deletion_after
from functions.activity.closing_items import ClosingItems, ReadItems
from functions.activity.items import ActivityWriter, WriteOutcome
from functions.runtime.trace import stored_trace
from functions.stream_records.user_change import UserChange
from functions.users.user import UNKNOWN_ACTOR, version_of


class History:
    """The history of a batch's users.

    Args:
        activity: writes the changes.
        read: reads the closing items.
    """

    def __init__(self, activity: ActivityWriter, read: ReadItems) -> None:
        self._activity = activity
        self._closing_items = ClosingItems(read)
        self._deleters: dict[tuple[str, str], str | None] = {}

    def write(self, changes: Sequence[UserChange]) -> WriteOutcome:
        """Store the changes of users who aren't erased; those of erased users count as settled."""
        known, interruption = self._closing_items.look_up([change.user_id for change in changes])
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
        """Return a change with what the closing item adds: who deleted the user, how, and when."""
        closing = self._closing_items.of(change.user_id)
        if closing is None:
            return change
        if change.kind != "DELETED":
            return change._replace(deleted_at=deletion_after(closing, change.occurred_seconds))
        actor = self._who_deleted(change)
        return change if actor is None else change._replace(actor=actor, trace=stored_trace(closing))

    def is_noted(self, deletion: UserChange) -> bool:
        """Say whether the closing item tells of this deletion."""
        return self._who_deleted(deletion) is not None

    def is_past_the_api(self, deletion: UserChange) -> bool:
        """Say whether no caller of the API made this deletion."""
        return self._who_deleted(deletion) in {None, deletion.actor}

    def _who_deleted(self, deletion: UserChange) -> str | None:
        """Return who deleted the user by the closing item; None if it tells of no such deletion."""
        record = deletion.user_id, deletion.sequence_number
        if record not in self._deleters:
            self._deleters[record] = self._read_who_deleted(deletion)
        return self._deleters[record]

    def _read_who_deleted(self, deletion: UserChange) -> str | None:
        closing = self._closing_items.of(deletion.user_id)
        actor = None if closing is None else deleted_by(closing, version_of(deletion.old_image or {}))
        return actor if deletion.actor in {UNKNOWN_ACTOR, actor} else None


class LimitHistory(Protocol):
    """Limits a deleted user's history; returns why not, if another attempt may work."""

    def __call__(self, deletion: UserChange, *, noted: bool) -> str | None:
        """`noted` says whether a closing item tells of the deletion."""
        ...


class AfterDeletion(NamedTuple):
    """What is done after a deletion is written, besides the log."""

    free_keys: Callable[[UserChange], str | None] | None = None
    """Frees the keys that a deletion past the API left; returns as `LimitHistory` does."""
    limit_history: LimitHistory | None = None
    """None if histories of deleted users stay."""


def write_and_clean_up(history: History, after: AfterDeletion, changes: Sequence[UserChange]) -> WriteOutcome:
    """Store the changes; then clean up what deletions among them leave."""
    written = history.write(changes)
    for position, change in enumerate(changes[: written.settled]):
        if change.kind != "DELETED":
            continue
        reason = None
        if after.free_keys is not None and history.is_past_the_api(change):
            reason = after.free_keys(change)
        if reason is None and after.limit_history is not None and not history.is_erased(change.user_id):
            reason = after.limit_history(change, noted=history.is_noted(change))
        if reason is not None:
            rejected = {at: why for at, why in written.rejected.items() if at < position}
            return WriteOutcome(position, rejected, reason)
    return written
