"""Whether a user's history explains the user as stored, and the record that makes it so.

The history is what Activity shows: the state after all its changes. Items past their expiry count
as deleted, because DynamoDB deletes them in any order. Without its beginning, a history explains
the attributes that it names.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from functions.activity.closing_item import CLOSING_CHANGE_ID, is_erasure
from functions.activity.item_size import NEW, OMITTED, OMITTED_FIELDS
from functions.activity.items import SECONDS_PER_DAY
from functions.stream_records.attribute_values import AttributeValue, Image, same_value
from functions.users.user import INTERNAL_ATTRIBUTES
from infra.consumers import log_user_changes
from ops.aws.tables import binary_as_base64
from ops.dead_letters.record import ReplayableChange
from ops.users.backfill_records import backfill_change, epoch_seconds, stream_began_at, user_id_of
from ops.users.findings import Problem
from ops.users.key_checks import expired

if TYPE_CHECKING:
    from functions.runtime.json_log import JsonObject


@dataclass
class History:
    """What the items of one user say, read in any order."""

    last_change: str = ""  # its changeId; "" without a change
    last_kind: str = ""
    erased: bool = False
    _last_partial: str = ""  # changeId of the last change of which fields were left out
    _last_life: str = ""  # changeId of the last addition or deletion
    _values: dict[str, tuple[str, AttributeValue | None]] = field(
        default_factory=dict[str, tuple[str, AttributeValue | None]]
    )
    _unknown: set[str] = field(default_factory=set[str])
    """Attributes whose last value was too large for the history."""

    def read(self, item: Image) -> None:
        """Take an item as botocore returns it."""
        change_id, kind = item["changeId"]["S"], item.get("kind", {}).get("S", "")
        if change_id == CLOSING_CHANGE_ID:
            self.erased = is_erasure(item)
            return
        if change_id > self.last_change:
            self.last_change, self.last_kind = change_id, kind
        if kind != "UPDATED":
            self._last_life = max(self._last_life, change_id)
        if OMITTED_FIELDS in item:
            self._last_partial = max(self._last_partial, change_id)
        for name, change in item.get("changes", {}).get("M", {}).items():
            if name not in INTERNAL_ATTRIBUTES and change_id >= self._values.get(name, ("",))[0]:
                new = change["M"].get(NEW)
                self._values[name] = change_id, None if new is None else binary_as_base64(new)
                self._unknown.discard(name)
                if NEW in change["M"].get(OMITTED, {"M": {}})["M"]:
                    self._unknown.add(name)

    @property
    def whole(self) -> bool:
        """Whether it has the user's beginning, so that what it doesn't name doesn't exist."""
        return self._last_life > self._last_partial

    def values(self) -> dict[str, AttributeValue | None]:
        """Return the last value of each attribute that it names; None for none.

        An attribute may have changed since in a change of which fields were left out.
        """
        known = {name: each for name, each in self._values.items() if each[0] >= self._last_partial}
        return {name: value if at >= self._last_life else None for name, (at, value) in known.items()}

    def state(self, stored: Image | None) -> Image:
        """Return the user as it ends; what it doesn't say is as stored."""
        visible = {} if stored is None else _visible(stored)
        image = {} if self.whole else dict(visible)
        values = self.values()
        for name in self._unknown & values.keys():
            values[name] = visible.get(name)
        image |= {name: value for name, value in values.items() if value is not None}
        return {name: value for name, value in image.items() if values.get(name, value) is not None}

    def explains(self, image: Image) -> bool:
        """Say whether it ends with this user."""
        state, stored = self.state(image), _visible(image)
        return state.keys() == stored.keys() and all(same_value(state[name], stored[name]) for name in state)


def read_histories(items: Iterable[Image], now: float) -> dict[str, History]:
    """Return the histories of some users by id, from their items in any order."""
    histories: dict[str, History] = {}
    for item in items:
        if not expired(item, now):
            histories.setdefault(item["userId"]["S"], History()).read(item)
    return histories


@dataclass(frozen=True)
class HistoryRules:
    """What a stack's history should hold, and the records of what is missing in it."""

    stream_arn: str
    region: str
    retention_days: int

    def problem(self, image: Image | None, history: History | None, now: float) -> Problem | None:
        """Return what is wrong between a user as stored, None if it isn't, and the history."""
        if image is None:
            open_end = history and history.last_change and history.last_kind != "DELETED" and not history.erased
            return Problem.WITHOUT_END if open_end else None
        if history and history.erased:
            return Problem.ERASED
        if not history or not history.last_change:
            return None if self._expires_at(self._last_written(image, now)) <= now else Problem.WITHOUT_HISTORY
        if history.last_kind == "DELETED":
            return Problem.ENDED
        return None if history.explains(image) else Problem.DIFFERS

    def record(self, user_id: str, image: Image | None, history: History | None, now: float) -> ReplayableChange:
        """Return the change that the history lacks; the same record whenever it is made again.

        Its place is behind the last known change and before any later one: sequence numbers grow
        by more than one from a change of a user to the next.
        """
        stored = None if image is None else _visible(image)
        if history is None or not history.last_change:
            return self._first_record(stored or {}, now)
        old = history.state(image) | {"userId": {"S": user_id}} if history.last_kind != "DELETED" else None
        number = str(int(history.last_change) + 1)
        return self._record(user_id, number, old, stored, int(now))

    def _first_record(self, stored: Image, now: float) -> ReplayableChange:
        """Return the user's addition; as an update if an addition would have expired."""
        added = backfill_change(stored, self.stream_arn, self.region)
        body: JsonObject = added.record["dynamodb"]
        if self._expires_at(body["ApproximateCreationDateTime"]) > now:
            return added
        user_id = user_id_of(stored)
        old: Image = {"userId": {"S": user_id}}
        return self._record(user_id, body["SequenceNumber"], old, stored, int(self._last_written(stored, now)))

    def _record(
        self, user_id: str, number: str, old: Image | None, new: Image | None, occurred: int
    ) -> ReplayableChange:
        images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
        event = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        record: JsonObject = {
            "eventID": hashlib.sha256(f"userstream verify {user_id} {number}".encode()).hexdigest()[:32],
            "eventName": event,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": self.region,
            "dynamodb": {
                "ApproximateCreationDateTime": occurred,
                "Keys": {"userId": {"S": user_id}},
                **images,
                "SequenceNumber": number,
                "SizeBytes": 0,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": self.stream_arn,
        }
        change = ReplayableChange.of(record, log_user_changes.CONSUMER)
        if change is None:
            raise AssertionError(f"the record made for user {user_id!r} has no key")
        return change

    def _last_written(self, image: Image, now: float) -> float:
        """Return when a user was last written, by its own dates; else when the stream began."""
        dates = [epoch_seconds(image.get(name)) for name in ("createdAt", "updatedAt")]
        past = (date for date in dates if date is not None and date <= now)
        return max(past, default=stream_began_at(self.stream_arn))

    def _expires_at(self, occurred: float) -> float:
        return int(occurred) + self.retention_days * SECONDS_PER_DAY


def mark_of(image: Image | None) -> str:
    """Return a short text that differs for different states of a user."""
    return "" if image is None else hashlib.sha256(json.dumps(image, sort_keys=True).encode()).hexdigest()


def users_without_end(items: Sequence[Image], now: float) -> set[str]:
    """Return the users whose last change among these items isn't their deletion."""
    last: dict[str, tuple[str, str]] = {}
    for item in items:
        change_id = item["changeId"]["S"]
        if not expired(item, now) and (is_erasure(item) or change_id != CLOSING_CHANGE_ID):
            kind = item.get("kind", {}).get("S", "")
            last[item["userId"]["S"]] = max(last.get(item["userId"]["S"], ("", "")), (change_id, kind))
    return {user_id for user_id, (_, kind) in last.items() if kind not in ("DELETED", "ERASED")}


def _visible(image: Image) -> Image:
    return {name: value for name, value in image.items() if name not in INTERNAL_ATTRIBUTES}
