"""Send records through one consumer's function again, and find out what became of each.

The function's response is read as the event source mapping reads it. A batch that fails as a whole
is split in half until the failing record is alone. A record of log_user_changes counts as processed
only once its item is in Activity, or its user erased, because the function reports success also for
a record that it sent to the dead-letter queue again. Other consumers say in their response what
they refuse.
"""

from collections.abc import Sequence
from typing import NamedTuple

from functions.runtime.json_log import JsonObject
from ops.aws.function import ConsumerFunction, InvocationResult
from ops.aws.tables import ActivityKey, ActivityReader
from ops.dead_letters.message import ReplayOutcome
from ops.dead_letters.record import ReplayableChange
from ops.errors import OpsError
from ops.job import Job

ATTEMPTS = 3  # at a record that the function reports in batchItemFailures

BUSY_ATTEMPTS = 8
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 20.0

FAILURES_IN_A_ROW = 10
"""After so many failed records without a success in between, the function is at fault."""

_NOT_NOW = "the function can't process it now (batchItemFailures); its log says why"
_WAITS = "an earlier change of this user failed"
DEAD_LETTERED = "the function took it, but its item isn't in Activity: presumably it is in the dead-letter queue again"


class ChangeResult(NamedTuple):
    """The outcome of one change, and why."""

    change: ReplayableChange
    outcome: ReplayOutcome
    detail: str | None = None


Batch = Sequence[ReplayableChange]


class _BatchDecision(NamedTuple):
    """What to do after one invocation."""

    successful: Batch = ()  # what the function reports as processed; Activity may have to prove it
    refused: Sequence[tuple[ReplayableChange, str]] = ()
    retry: Sequence[Batch] = ()  # batches to send next, the last one first
    failed: Sequence[tuple[ReplayableChange, str]] = ()


class Redelivery:
    """Sends changes to one function, in the order given; without `activity`, its word is proof."""

    def __init__(self, function: ConsumerFunction, activity: ActivityReader | None, job: Job) -> None:
        self._function = function
        self._activity = activity
        self._job = job
        self._failures_in_a_row = 0

    def deliver(self, changes: Batch) -> tuple[list[ChangeResult], OpsError | None]:
        """Send the changes; return the results of those known to be tried, and any error."""
        results: list[ChangeResult] = []
        successful: list[ReplayableChange] = []
        errors: list[OpsError] = []
        try:
            self._send(changes, results, successful)
        except OpsError as error:
            errors.append(error)
        try:
            results += self._verified(successful)
        except OpsError as error:
            errors.append(error)
        return results, errors[0] if errors else None

    def _send(self, changes: Batch, results: list[ChangeResult], successful: list[ReplayableChange]) -> None:
        """Add changes reported as processed to `successful`, the results of others to `results`."""
        stuck_users: set[str] = set()
        attempts: dict[str, int] = {}
        batches = [changes]
        while batches and not self._job.stop_requested():
            batch: list[ReplayableChange] = []
            for change in batches.pop():
                if change.user_id in stuck_users:
                    results.append(ChangeResult(change, ReplayOutcome.WAITING, _WAITS))
                else:
                    batch.append(change)
            if not batch:
                continue
            invocation = self._invoke([change.record for change in batch])
            if invocation.busy:
                return  # a stop was requested while the function was busy: the batch counts as not tried
            decision = self._decide(batch, invocation, attempts)
            successful += decision.successful
            batches += decision.retry
            results += [ChangeResult(change, ReplayOutcome.REFUSED, reason) for change, reason in decision.refused]
            if decision.successful or decision.refused:
                self._failures_in_a_row = 0
            for change, detail in decision.failed:
                results.append(ChangeResult(change, ReplayOutcome.FAILED, detail))
                stuck_users.add(change.user_id)
                self._failures_in_a_row += 1
            if self._failures_in_a_row >= FAILURES_IN_A_ROW:
                raise OpsError(
                    f"Stopped: {self._failures_in_a_row} records in a row failed; the last one: "
                    f"{decision.failed[-1][1]}",
                    "the function itself is at fault: see its log, then run the same command again",
                )

    def _decide(self, batch: Batch, invocation: InvocationResult, attempts: dict[str, int]) -> _BatchDecision:
        if invocation.error:
            if len(batch) == 1:
                return _BatchDecision(failed=[(batch[0], invocation.error)])
            half = len(batch) // 2
            return _BatchDecision(retry=[batch[half:], batch[:half]])
        # A user's later changes may be reported only because an earlier one failed.
        first_of_users: dict[str, ReplayableChange] = {}
        for at in sorted(invocation.failed):
            first_of_users.setdefault(batch[at].user_id, batch[at])
        for change in first_of_users.values():
            attempts[change.identity] = attempts.get(change.identity, 0) + 1
        failed = [change for change in first_of_users.values() if attempts[change.identity] >= ATTEMPTS]
        undone = frozenset(invocation.undone)
        given_up = {change.identity for change in failed}
        rest = [change for change in map(batch.__getitem__, invocation.undone) if change.identity not in given_up]
        if first_of_users and not failed:
            self._job.pause(FIRST_WAIT_SECONDS * max(attempts[one.identity] for one in first_of_users.values()))
        return _BatchDecision(
            successful=[change for at, change in enumerate(batch) if at not in invocation.refused and at not in undone],
            refused=[(batch[at], reason) for at, reason in invocation.refused.items()],
            retry=[rest] if rest else [],
            failed=[(change, _NOT_NOW) for change in failed],
        )

    def _invoke(self, records: Sequence[JsonObject]) -> InvocationResult:
        """Invoke the function until it isn't busy, or a stop; an OpsError if it stays busy."""
        invocation = self._function.invoke(records)
        wait = FIRST_WAIT_SECONDS
        for _ in range(BUSY_ATTEMPTS - 1):
            if not invocation.busy or self._job.stop_requested():
                break
            self._job.pause(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            invocation = self._function.invoke(records)
        if invocation.busy and not self._job.stop_requested():
            raise OpsError(
                f"The function takes no work at the moment: {invocation.error}",
                "run the same command again later; `python -m ops status` shows its throttles and errors",
            )
        return invocation

    def _verified(self, successful: Batch) -> list[ChangeResult]:
        """Return the results of changes reported as processed: REPLAYED with the proof."""
        if self._activity is None:
            return [ChangeResult(change, ReplayOutcome.REPLAYED) for change in successful]
        keys = [ActivityKey(change.user_id, change.change_id) for change in successful]
        event_ids = self._activity.event_ids(keys)
        unproven = [
            key.user_id for key, change in zip(keys, successful, strict=True) if event_ids.get(key) != change.event_id
        ]
        # The function drops what it gets of an erased user, so nothing is left to keep.
        erased = self._activity.erased(unproven) if unproven else frozenset[str]()
        return [
            ChangeResult(change, ReplayOutcome.REPLAYED)
            if event_ids.get(key) == change.event_id or change.user_id in erased
            else ChangeResult(change, ReplayOutcome.REFUSED, DEAD_LETTERED)
            for key, change in zip(keys, successful, strict=True)
        ]
