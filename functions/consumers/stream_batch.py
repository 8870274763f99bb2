"""One batch of a stream, processed so that no record is lost, doubled or held up.

1. Read every record: it is a change, or it can never be processed, or it is none of ours. A change
   that doesn't come from the function's own table can never be.
2. Write the changes, in stream order and in large calls.
3. Send the unprocessable records whole to the dead-letter queue, but for those of erased users.
4. Log what is settled, in stream order: a line in the log means that the change is written.

The first record that meets a transient failure (see functions/runtime/aws.py) ends the batch: it
and all later ones are delivered again. Changes that were written beyond it are then written again,
to the same effect, and logged only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from functions.activity.closing_items import ERASED_USER
from functions.runtime.arns import streams_of
from functions.runtime.json_log import Json, JsonObject, Log, utc_timestamp
from functions.stream_records.user_change import UnknownEventError, UnprocessableRecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functions.activity.items import WriteOutcome
    from functions.dead_letters.envelope import DeadLetterSender, FailedRecord

UNKNOWN_EVENT = "UNKNOWN EVENT:"
STOPPED = "BATCH STOPPED:"

OF_ANOTHER_TABLE = "eventSourceARN is no stream of the function's own table"
"""The mapping delivers none such: an operator's replay may."""

Change = TypeVar("Change")


class BatchOutcome(NamedTuple):
    """How far a batch came."""

    settled: int
    """That many records, from the first on, are logged and written or in the dead-letter queue."""
    stopped_at: str | None
    """Sequence number of the first record to deliver again, None if there is none. If that record
    has no sequence number it is "", by which the mapping delivers the whole batch again."""
    reason: str | None
    """Why it stopped there."""
    refused: Mapping[str, str] | None = None
    """In a replay: settled records that can never be processed, by sequence number, and why."""

    def response(self) -> JsonObject:
        """Return the mapping's answer (Lambda developer guide, "ReportBatchItemFailures")."""
        failures = [] if self.stopped_at is None else [{"itemIdentifier": self.stopped_at}]
        response: JsonObject = {"batchItemFailures": failures}
        return response if self.refused is None else {**response, "refused": dict(self.refused)}


class StreamBatch(Generic[Change]):
    """The processing of batches of one stream's consumer.

    Args:
        read: Returns a record's change, or None for a record that is none of ours; raises
            UnprocessableRecordError for one that no attempt can process.
        write: Writes changes in order; writing one again has no further effect. What it didn't
            foresee it raises, and the mapping isolates the record.
        log_written: Logs a change that is written.
        dead_letters: Gets the unprocessable records.
        log: Gets a line for each of them, and for a stop.
        source_function: This function's ARN.
        table: The name of the table whose stream it reads, in the function's account and region.
        now: Returns seconds since the epoch.
        replay: Whether operators replay dead letters: then what can never be processed is answered
            as refused, and not sent to the dead-letter queue, where it is already.
    """

    def __init__(  # noqa: PLR0913  each is a dependency, named at the call
        self,
        *,
        read: Callable[[Json], Change | None],
        write: Callable[[Sequence[Change]], WriteOutcome],
        log_written: Callable[[Change], None],
        dead_letters: DeadLetterSender,
        log: Log,
        source_function: str,
        table: str,
        now: Callable[[], float],
        replay: bool = False,
    ) -> None:
        self._read = read
        self._write = write
        self._log_written = log_written
        self._dead_letters = dead_letters
        self._log = log
        self._source_function = source_function
        self._streams = streams_of(source_function, table)
        self._now = now
        self._replay = replay

    def process(self, records: Sequence[Json]) -> BatchOutcome:
        """Process the records of one invocation: any JSON, in stream order."""
        changes, errors = self._read_all(records)
        settled, interruption = self._write_all(changes, errors, len(records))
        failed = self._failed_records(records, errors, settled) if errors else {}
        erased: set[int] = set()
        if failed and not self._replay:
            sent, positions = self._dead_letters.send(list(failed.values())), list(failed)
            erased = {positions[at] for at in sent.left_out}
            if sent.interruption is not None:
                settled, interruption = positions[sent.sent], sent.interruption
        for position in range(settled):
            if position in changes:
                self._log_written(changes[position])
            elif position in erased:
                self._log_erased(failed[position])
            elif position in failed:
                self._log_given_up(errors[position], failed[position])
        outcome = self._outcome(records, settled, interruption)
        if not self._replay:
            return outcome
        return outcome._replace(
            refused={record.sequence_number or "": record.reason for at, record in failed.items() if at < settled}
        )

    def _read_all(self, records: Sequence[Json]) -> tuple[dict[int, Change], dict[int, UnprocessableRecordError]]:
        """Return the changes and the unprocessable records' errors, by position."""
        changes: dict[int, Change] = {}
        errors: dict[int, UnprocessableRecordError] = {}
        for position, record in enumerate(records):
            try:
                change = self._read(record)
            except UnprocessableRecordError as error:
                errors[position] = error
                continue
            if change is None:
                continue
            if self._is_of_table(record):
                changes[position] = change
            else:
                errors[position] = UnprocessableRecordError(OF_ANOTHER_TABLE)
        return changes, errors

    def _is_of_table(self, record: Json) -> bool:
        """Say whether a record that was read comes from a stream of the table."""
        source: Json = record.get("eventSourceARN")
        return isinstance(source, str) and source.startswith(self._streams)

    def _write_all(
        self, changes: dict[int, Change], errors: dict[int, UnprocessableRecordError], records: int
    ) -> tuple[int, str | None]:
        """Write the changes, and move rejected ones to the errors.

        Return how many of the records are settled by it, and why it stopped, if it did.
        """
        written = self._write(list(changes.values()))
        positions = list(changes) if written.rejected or written.interruption is not None else []
        for index, reason in written.rejected.items():
            del changes[positions[index]]
            errors[positions[index]] = UnprocessableRecordError(reason)
        return (records if written.interruption is None else positions[written.settled]), written.interruption

    def _failed_records(
        self, records: Sequence[Json], errors: Mapping[int, UnprocessableRecordError], settled: int
    ) -> dict[int, FailedRecord]:
        from functions.dead_letters.envelope import FailedRecord, identify_record  # noqa: PLC0415  rarely needed

        failed_at = utc_timestamp(self._now())
        return {
            position: FailedRecord(
                **identify_record(records[position], self._source_function)._asdict(),
                kind="permanent",
                reason=str(errors[position]),
                record=records[position],
                attempts=1,
                source_function=self._source_function,
                first_failed_at=failed_at,
                last_failed_at=failed_at,
            )
            for position in sorted(errors)
            if position < settled
        }

    def _outcome(self, records: Sequence[Json], settled: int, interruption: str | None) -> BatchOutcome:
        if interruption is None:
            return BatchOutcome(settled, None, None)
        from functions.dead_letters.envelope import identify_record  # noqa: PLC0415  rarely needed

        stopped_at = identify_record(records[settled]).sequence_number or ""
        again = len(records) - settled
        self._log("WARNING", STOPPED, sequenceNumber=stopped_at, reason=interruption, comeAgain=again)
        return BatchOutcome(settled, stopped_at, interruption)

    def _log_erased(self, failed: FailedRecord) -> None:
        self._log("INFO", ERASED_USER, userId=failed.user_id, sequenceNumber=failed.sequence_number)

    def _log_given_up(self, error: UnprocessableRecordError, failed: FailedRecord) -> None:
        from functions.dead_letters.envelope import DEAD_LETTERED, REFUSED, request_of  # noqa: PLC0415  rarely needed

        dead_lettered = UNKNOWN_EVENT if isinstance(error, UnknownEventError) else DEAD_LETTERED
        self._log(
            "ERROR",
            REFUSED if self._replay else dead_lettered,
            reason=failed.reason,
            failureId=failed.failure_id,
            sequenceNumber=failed.sequence_number,
            userId=failed.user_id,
            **request_of(failed.record),
        )
