"""Fakes for record processing: stores and a log in memory, and a clock that tests advance.

Each fake can be made to fail as the real store and queue do.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from functions.activity.items import ItemKey, ReadOutcome, WriteOutcome, activity_item
from functions.consumers.stream_batch import BatchOutcome
from functions.dead_letters.envelope import FailedRecord, SendOutcome
from functions.dead_letters.erased_users import WithoutErasedUsers
from functions.log_user_changes.batch import process_batch
from functions.log_user_changes.history import AfterDeletion
from functions.runtime.invocation import Clock
from functions.runtime.json_log import Json, JsonObject
from functions.stream_records.user_change import UserChange

if TYPE_CHECKING:
    from functions.stream_records.attribute_values import Image

FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:LogUserChangesFunction-test"
RETENTION_DAYS = 30

NOTHING_ELSE = AfterDeletion()

read_envelope = TypeAdapter(FailedRecord).validate_json
"""Reads a message of the dead-letter queue, as ops does."""


class ActivityInMemory:
    """An `ActivityWriter` and reader: `items` by user and change, as the table would hold them.

    Args:
        room_for: How many changes succeed before the table is unreachable; None if it never is.
        refused: Sequence numbers of changes that the table would never take.
        readable: How many keys are read before the table is unreachable; None if it never is.
    """

    def __init__(
        self, room_for: int | None = None, refused: frozenset[str] = frozenset(), readable: int | None = None
    ) -> None:
        self.items: dict[ItemKey, Image] = {}
        self.room_for = room_for
        self.refused = refused
        self.readable = readable

    def read(self, keys: Sequence[ItemKey]) -> ReadOutcome:
        read = list(keys) if self.readable is None else keys[: self.readable]
        if self.readable is not None:
            self.readable -= len(read)
        unread = frozenset(keys[len(read) :])
        found = {key: self.items[key] for key in read if key in self.items}
        return ReadOutcome(found, "ThrottlingException" if unread else None, unread)

    def close(self, closing_item: JsonObject) -> None:
        """Store the closing item of a history."""
        self.items[closing_item["userId"]["S"], closing_item["changeId"]["S"]] = closing_item

    def write(self, changes: Sequence[UserChange]) -> WriteOutcome:
        rejected: dict[int, str] = {}
        for position, change in enumerate(changes):
            if self.room_for is not None:
                if self.room_for == 0:
                    return WriteOutcome(position, rejected, "ThrottlingException")
                self.room_for -= 1
            if change.sequence_number in self.refused:
                rejected[position] = "the Activity table refuses its item"
                continue
            item = self.item(change)
            self.items[item["userId"]["S"], item["changeId"]["S"]] = item
        return WriteOutcome(len(changes), rejected, None)

    def item(self, change: UserChange) -> "Image":
        return activity_item(change, RETENTION_DAYS)


class LimitedActivity(ActivityInMemory):
    """That of a stack which limits the histories of deleted users to so many days."""

    def __init__(self, deleted_user_days: int) -> None:
        super().__init__()
        self._deleted_user_days = deleted_user_days

    def item(self, change: UserChange) -> "Image":
        return activity_item(change, RETENTION_DAYS, 0, self._deleted_user_days)


class DeadLettersInMemory:
    """A `DeadLetterSender`: `sent` in order, duplicates and all.

    Args:
        room_for: How many records succeed before the queue is unreachable; None if it never is.
    """

    def __init__(self, room_for: int | None = None) -> None:
        self.sent: list[FailedRecord] = []
        self.room_for = room_for

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        for position, failed in enumerate(failed_records):
            if self.room_for is not None:
                if self.room_for == 0:
                    return SendOutcome(position, "InternalError")
                self.room_for -= 1
            self.sent.append(failed)
        return SendOutcome(len(failed_records), None)

    def by_id(self) -> dict[str, FailedRecord]:
        """What a reader sees, who counts a failure id once."""
        return {failed.failure_id: failed for failed in self.sent}


class LogInMemory:
    """A `Log`: each event as (message, fields)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, level: str, message: str, **fields: object) -> None:
        self.events.append((message, {"level": level, **fields}))

    def messages(self) -> list[str]:
        return [message for message, _ in self.events]


class ManualClock(Clock):
    """A `Clock` that stands still but for sleeping and `pass_by`."""

    def __init__(self, *, remaining: float = 60.0, now: float = 1_795_478_400.0) -> None:
        self._now = now
        self._ends = now + remaining
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def remaining(self) -> float:
        return self._ends - self._now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds

    def pass_by(self, seconds: float) -> None:
        self._now += seconds


class Processing:
    """The real processing of batches, over the fakes."""

    def __init__(  # noqa: PLR0913  each is a dependency or a setting, named at the call
        self,
        activity: ActivityInMemory | None = None,
        dead_letters: DeadLettersInMemory | None = None,
        *,
        mask_personal_data: bool = False,
        after_deletion: AfterDeletion = NOTHING_ELSE,
        source_function: str = FUNCTION_ARN,
        table: str = "Users-test",
    ) -> None:
        self._source_function = source_function
        self._table = table
        self._after_deletion = after_deletion
        self.activity = activity or ActivityInMemory()
        self.dead_letters = dead_letters or DeadLettersInMemory()
        self.log = LogInMemory()
        self._mask = mask_personal_data

    def process(self, records: Sequence[Json]) -> BatchOutcome:
        return process_batch(
            records,
            activity=self.activity,
            read_activity=self.activity.read,
            after_deletion=self._after_deletion,
            dead_letters=WithoutErasedUsers(self.dead_letters, self.activity.read),
            log=self.log,
            mask_personal_data=self._mask,
            source_function=self._source_function,
            table=self._table,
            now=lambda: 1_795_478_400.0,
        )

    def effects(self) -> JsonObject:
        """Return everything that processing leaves behind, to compare two runs."""
        return {"activity": self.activity.items, "dead_letters": self.dead_letters.by_id()}
