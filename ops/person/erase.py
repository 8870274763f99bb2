"""Erase a person: nothing of the user stays in the stack, and nothing comes back.

1. One transaction writes the marker (functions/activity/closing_item.py), deletes the user as it
   was read, and frees its keys. From then on log_user_changes, which reads the marker first, writes
   no value of the user to Activity. A record that fails or is rescued later still comes to the
   dead-letter queue: the same command takes it out.
2. The longest timeout of a function passes, so that what began before the marker has ended.
3. Everything else is taken out, place by place (`ops.person.places`).

A kill leaves the marker, and the same command continues. It may be repeated at any time: a user who
came back with a restored table is erased again.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from functions.activity.closing_item import CLOSING_CHANGE_ID, erasure, is_erasure
from functions.activity.items import SECONDS_PER_DAY
from functions.runtime.json_log import JsonObject, utc_timestamp
from functions.stream_records.attribute_values import Image
from ops.aws.services import Services
from ops.errors import OpsError
from ops.job import Job
from ops.person.erase_places import check_stop, erase_place
from ops.person.places import places_of

MARKER_DAYS = 3_650
"""How long the marker bars values. A record of the person can come back from a backup (35 days by
point-in-time recovery, an on-demand one at any age), from a file of `dlq export`, and from a queue
for 14 days each; so it stands as long as a history can be kept at most (activityRetentionDays)."""

CLOCK_SKEW_SECONDS = 60
"""Between this machine's clock and that of the one that wrote the marker."""

MAX_TRIES = 10
"""How often a user who is changed meanwhile is read again."""


class Erased(NamedTuple):
    """What was taken out of one place, or in a dry run would be."""

    place: str
    service: str
    resource: str
    removed: int
    left: str | None = None
    """Why something of the person may still be there, and what to do; None if nothing is."""


@dataclass
class ErasureReport:
    """What an erasure did."""

    user_id: str
    erased_at: str | None = None  # ISO 8601 in UTC with milliseconds
    actor: str | None = None
    places: list[Erased] = field(default_factory=list[Erased])
    interrupted: bool = False
    error: OpsError | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing of the person is left in any place."""
        return not (self.interrupted or self.error or any(place.left for place in self.places))


class Erasure:
    """The erasure of one user of one stack."""

    def __init__(self, services: Services, user_id: str, job: Job) -> None:
        self._services = services
        self._user_id = user_id
        self._job = job
        self._tables = services.person_tables()
        self._keys_freed = 0
        self.report = ErasureReport(user_id)

    def dry_run(self) -> ErasureReport:
        """Count what an erasure would remove, and change nothing."""
        try:
            for place in places_of(self._services):
                check_stop(self._job)
                reading = place.read(self._user_id, self._job)
                found = sum(one.location.get("changeId") != CLOSING_CHANGE_ID for one in reading.findings)
                self.report.places.append(Erased(place.name, place.service, place.resource, found, reading.unread))
        except KeyboardInterrupt:
            self.report.interrupted = True
        except OpsError as error:
            self.report.error = error
        return self.report

    def run(self) -> ErasureReport:
        """Erase the user; the report's `left` and `error` say what to do if something is left."""
        try:
            seconds = self._services.longest_timeout()
            users_deleted = self._close()
            self._wait_for_invocations(seconds)
            for place in places_of(self._services):
                check_stop(self._job)
                removal = erase_place(place, self._user_id, self._services, self._job)
                removed = removal.removed + {"users": users_deleted, "user-keys": self._keys_freed}.get(place.name, 0)
                self.report.places.append(Erased(place.name, place.service, place.resource, removed, removal.left))
        except KeyboardInterrupt:
            self.report.interrupted = True
        except OpsError as error:
            self.report.error = error
        return self.report

    def _close(self) -> int:
        """Write the marker and delete the user; return how many users were deleted: none or one."""
        for _ in range(MAX_TRIES):
            check_stop(self._job)
            user = self._tables.user(self._user_id)
            closing = self._tables.closing_item(self._user_id)
            known = closing is not None and is_erasure(closing)
            marker = self._new_marker() if closing is None or not known else closing
            closed = (user is None and known) or self._try_to_close(marker, user)
            if closed:
                self.report.erased_at = marker["occurredAt"]["S"]
                self.report.actor = marker["actor"]["S"]
                return int(user is not None)
        raise OpsError(
            f"User {self._user_id!r} was changed by others at each of {MAX_TRIES} attempts; nothing was erased",
            "run the same command again",
        )

    def _try_to_close(self, marker: JsonObject, user: Image | None) -> bool:
        closing = self._tables.close(marker, user)
        self._keys_freed += closing.keys
        return closing.closed

    def _new_marker(self) -> JsonObject:
        now = self._job.now()
        return erasure(
            self._user_id,
            actor=self._services.caller_arn(),
            occurred_at=utc_timestamp(now),
            expires_at=int(now) + MARKER_DAYS * SECONDS_PER_DAY,
        )

    def _wait_for_invocations(self, seconds: int) -> None:
        """Wait until every invocation has ended that may have begun before the marker."""
        written = datetime.fromisoformat(str(self.report.erased_at)).timestamp()
        until = min(written + CLOCK_SKEW_SECONDS, self._job.now()) + seconds
        while (left := until - self._job.now()) > 0:
            check_stop(self._job)
            self._job.report_progress(seconds - int(left), seconds)
            self._job.pause(min(left, 1.0))
