"""Records sent through the real function once more, each with proof of what came of it.

The function's answer is read as the event source mapping reads it. A batch that fails as a whole is halved until the
record that fails is alone. What the function says it has done is believed only once the change's item is in Activity:
a record that it set aside again (to the dead-letter queue) is a success by its answer, and none here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from functions.runtime.json_log import JsonObject
from ops.aws.function import Answer, ChangeFunction
from ops.aws.tables import ActivityTable, EffectKey
from ops.errors import OpsError
from ops.job import LongWork

ATTEMPTS = 3
"""Of a record that the function says it can't process now."""

BUSY_ATTEMPTS = 8
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 20.0

FAILURES_IN_A_ROW = 10
"""After so many records that failed, with none between that didn't, the trouble is not in the records."""

_NOT_NOW = "the function can't process it now (batchItemFailures); its log says why"
_SET_ASIDE = "the function set it aside again"


class Outcome(StrEnum):
    """What came of one change."""

    REPLAYED = "replayed"
    """Processed, with its item in Activity."""
    REFUSED = "refused"
    """The function took it, and set it aside again."""
    FAILED = "failed"
    """The function could not process it now."""
    WAITING = "waiting"
    """Not tried, since an earlier change of the same user failed."""


class Change(Protocol):
    """A record with the key of its effect."""

    @property
    def user_id(self) -> str:
        """The user it is about."""
        ...

    @property
    def change_id(self) -> str:
        """Its place among the user's changes."""
        ...

    @property
    def event_id(self) -> str:
        """The name of the event."""
        ...

    @property
    def record(self) -> JsonObject:
        """The record in event form."""
        ...


class Result(NamedTuple):
    """What came of one change, and why."""

    outcome: Outcome
    detail: str | None = None


@dataclass
class Delivery:
    """What came of some changes, by position; those without a result are as if they had not been tried."""

    results: dict[int, Result] = field(default_factory=dict[int, Result])
    error: OpsError | None = None
    """What ended it before its end."""


class _Verdict(NamedTuple):
    """What an answer says of a batch, by positions."""

    taken: Sequence[int] = ()
    again: Sequence[list[int]] = ()
    """Batches to send next, the last first."""
    failed: tuple[int, str] | None = None


class Redelivery:
    """Sends changes to the function, in the order given."""

    def __init__(self, function: ChangeFunction, activity: ActivityTable, work: LongWork) -> None:
        self._function = function
        self._activity = activity
        self._work = work
        self._failures_in_a_row = 0

    def deliver(self, changes: Sequence[Change]) -> Delivery:
        """Send the changes; what was done before an error is in the result, beside the error."""
        delivery = Delivery()
        taken: list[int] = []
        try:
            self._send(changes, delivery.results, taken)
        except OpsError as error:
            delivery.error = error
        try:
            delivery.results.update(self._proven(changes, taken))
        except OpsError as error:
            delivery.error = delivery.error or error
        return delivery

    def _send(self, changes: Sequence[Change], results: dict[int, Result], taken: list[int]) -> None:
        """Note the positions of what the function took, and the results of what it didn't take."""
        stuck_users: set[str] = set()
        attempts: dict[int, int] = {}
        batches = [list(range(len(changes)))]
        while batches and not self._work.stop():
            batch: list[int] = []
            for position in batches.pop():
                if changes[position].user_id in stuck_users:
                    results[position] = Result(Outcome.WAITING, "an earlier change of this user failed")
                else:
                    batch.append(position)
            if not batch:
                continue
            answer = self._invoke([changes[position].record for position in batch])
            if answer.busy:
                return  # stopped while the function was busy: as if they had not been tried
            verdict = self._judge(batch, answer, attempts)
            taken += verdict.taken
            batches += verdict.again
            if verdict.taken:
                self._failures_in_a_row = 0
            if verdict.failed:
                position, detail = verdict.failed
                results[position] = Result(Outcome.FAILED, detail)
                stuck_users.add(changes[position].user_id)
                self._count_failure(detail)

    def _judge(self, batch: list[int], answer: Answer, attempts: dict[int, int]) -> _Verdict:
        """Tell from an answer what is done, what to send again, and what has failed for good."""
        if answer.error:
            if len(batch) == 1:
                return _Verdict(failed=(batch[0], answer.error))
            half = len(batch) // 2
            return _Verdict(again=[batch[half:], batch[:half]])
        if answer.failed_from is None:
            return _Verdict(taken=batch)
        done, rest = batch[: answer.failed_from], batch[answer.failed_from :]
        attempts[rest[0]] = attempts.get(rest[0], 0) + 1
        if attempts[rest[0]] < ATTEMPTS:
            self._work.pause(FIRST_WAIT_SECONDS * attempts[rest[0]])
            return _Verdict(taken=done, again=[rest])
        return _Verdict(taken=done, again=[rest[1:]], failed=(rest[0], _NOT_NOW))

    def _count_failure(self, detail: str) -> None:
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= FAILURES_IN_A_ROW:
            raise OpsError(
                f"Stopped: {self._failures_in_a_row} records in a row failed; of the last one: {detail}",
                "the function itself is in trouble: see its log, then run the same command again",
            )

    def _invoke(self, records: Sequence[JsonObject]) -> Answer:
        """Invoke, and wait while the function is busy, up to a stop: that is no failure of the records.

        Raises:
            OpsError: It stays busy.
        """
        answer = self._function.invoke(records)
        wait = FIRST_WAIT_SECONDS
        for _ in range(BUSY_ATTEMPTS - 1):
            if not answer.busy or self._work.stop():
                break
            self._work.pause(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            answer = self._function.invoke(records)
        if answer.busy and not self._work.stop():
            raise OpsError(
                f"The function takes no work at the moment: {answer.error}",
                "run the same command again later; `python -m ops status` shows its throttles and errors",
            )
        return answer

    def _proven(self, changes: Sequence[Change], positions: Sequence[int]) -> Mapping[int, Result]:
        """Look each effect up in Activity."""
        keys = {position: EffectKey(changes[position].user_id, changes[position].change_id) for position in positions}
        there = self._activity.event_ids(list(keys.values()))
        return {
            position: Result(Outcome.REPLAYED)
            if there.get(key) == changes[position].event_id
            else Result(Outcome.REFUSED, _SET_ASIDE)
            for position, key in keys.items()
        }
