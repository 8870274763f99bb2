"""Send records through the real function again, and prove what became of each.

The function's response is read as the event source mapping reads it. A batch that fails as a whole is split in half
until the failing record is alone. A record counts as processed only once its item is in Activity: the function also
reports success for a record that it sent to the dead-letter queue again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from functions.runtime.json_log import JsonObject
from ops.aws.function import InvocationResult, StreamFunction
from ops.aws.tables import ActivityKey, ActivityReader
from ops.dead_letters.message import ReplayableChange
from ops.errors import OpsError
from ops.job import Job

ATTEMPTS = 3
"""At a record that the function reports in batchItemFailures."""

BUSY_ATTEMPTS = 8
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 20.0

FAILURES_IN_A_ROW = 10
"""After this many failed records without a success in between, the function is at fault, not the records."""

_NOT_NOW = "the function can't process it now (batchItemFailures); its log says why"
_DEAD_LETTERED = "the function sent it to the dead-letter queue again"


class ReplayOutcome(StrEnum):
    """What became of one change."""

    REPLAYED = "replayed"
    """Processed: its item is in Activity."""
    REFUSED = "refused"
    """The function sent it to the dead-letter queue again."""
    FAILED = "failed"
    """The function could not process it now."""
    WAITING = "waiting"
    """Not tried, because an earlier change of the same user failed."""


class ChangeResult(NamedTuple):
    """The outcome of one change, and why."""

    outcome: ReplayOutcome
    detail: str | None = None


@dataclass
class RedeliveryResult:
    """The results by position of the change; a change without a result was not tried, as far as is known."""

    results: dict[int, ChangeResult] = field(default_factory=dict[int, ChangeResult])
    error: OpsError | None = None
    """What ended the redelivery early."""


class _BatchDecision(NamedTuple):
    """What to do after one invocation, by position."""

    taken: Sequence[int] = ()
    retry: Sequence[list[int]] = ()
    """Batches to send next, the last one first."""
    failed: tuple[int, str] | None = None


class Redelivery:
    """Sends changes to the function, in the order given."""

    def __init__(self, function: StreamFunction, activity: ActivityReader, job: Job) -> None:
        self._function = function
        self._activity = activity
        self._job = job
        self._failures_in_a_row = 0

    def deliver(self, changes: Sequence[ReplayableChange]) -> RedeliveryResult:
        """Send the changes; the result also has what was done before an error."""
        delivery = RedeliveryResult()
        taken: list[int] = []
        try:
            self._send(changes, delivery.results, taken)
        except OpsError as error:
            delivery.error = error
        try:
            delivery.results.update(self._verified(changes, taken))
        except OpsError as error:
            delivery.error = delivery.error or error
        return delivery

    def _send(self, changes: Sequence[ReplayableChange], results: dict[int, ChangeResult], taken: list[int]) -> None:
        """Add the positions that the function took to `taken`, and the results of the others to `results`."""
        stuck_users: set[str] = set()
        attempts: dict[int, int] = {}
        batches = [list(range(len(changes)))]
        while batches and not self._job.stop_requested():
            batch: list[int] = []
            for position in batches.pop():
                if changes[position].user_id in stuck_users:
                    results[position] = ChangeResult(ReplayOutcome.WAITING, "an earlier change of this user failed")
                else:
                    batch.append(position)
            if not batch:
                continue
            invocation = self._invoke([changes[position].record for position in batch])
            if invocation.busy:
                return  # a stop was requested while the function was busy: the batch counts as not tried
            decision = self._decide(batch, invocation, attempts)
            taken += decision.taken
            batches += decision.retry
            if decision.taken:
                self._failures_in_a_row = 0
            if decision.failed:
                position, detail = decision.failed
                results[position] = ChangeResult(ReplayOutcome.FAILED, detail)
                stuck_users.add(changes[position].user_id)
                self._count_failure(detail)

    def _decide(self, batch: list[int], invocation: InvocationResult, attempts: dict[int, int]) -> _BatchDecision:
        if invocation.error:
            if len(batch) == 1:
                return _BatchDecision(failed=(batch[0], invocation.error))
            half = len(batch) // 2
            return _BatchDecision(retry=[batch[half:], batch[:half]])
        if invocation.failed_from is None:
            return _BatchDecision(taken=batch)
        taken, rest = batch[: invocation.failed_from], batch[invocation.failed_from :]
        attempts[rest[0]] = attempts.get(rest[0], 0) + 1
        if attempts[rest[0]] < ATTEMPTS:
            self._job.pause(FIRST_WAIT_SECONDS * attempts[rest[0]])
            return _BatchDecision(taken=taken, retry=[rest])
        return _BatchDecision(taken=taken, retry=[rest[1:]], failed=(rest[0], _NOT_NOW))

    def _count_failure(self, detail: str) -> None:
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= FAILURES_IN_A_ROW:
            raise OpsError(
                f"Stopped: {self._failures_in_a_row} records in a row failed; the last one: {detail}",
                "the function itself is at fault: see its log, then run the same command again",
            )

    def _invoke(self, records: Sequence[JsonObject]) -> InvocationResult:
        """Invoke the function, again while it is busy, until a stop is requested or it stays busy: an OpsError."""
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

    def _verified(self, changes: Sequence[ReplayableChange], positions: Sequence[int]) -> Mapping[int, ChangeResult]:
        """Return the result of each change that the function took, by whether its item is in Activity."""
        keys = {position: ActivityKey(changes[position].user_id, changes[position].change_id) for position in positions}
        stored = self._activity.event_ids(list(keys.values()))
        return {
            position: ChangeResult(ReplayOutcome.REPLAYED)
            if stored.get(key) == changes[position].event_id
            else ChangeResult(ReplayOutcome.REFUSED, _DEAD_LETTERED)
            for position, key in keys.items()
        }
