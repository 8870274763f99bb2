"""Turns what the mapping gave up on into full envelopes in the dead-letter queue.

The mapping's message is a pointer into the stream, and the stream forgets 24 hours after the write. So the records are
read at once and sent whole. A message is done only when all of its records are in the dead-letter queue; otherwise it
stays in the failure queue and is tried again, which may send a record twice, under the same failure id. Nothing is
dropped: records that the stream no longer has leave an envelope with the pointer, and a message that can't be
understood leaves one with its text.
"""

import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from functions.dead_letters.envelope import DeadLetterSender, FailedRecord, StreamPointer, content_id, identify_record
from functions.rescue_failed_batches.failure_document import (
    RECORD_AGE_EXCEEDED,
    FailureDocument,
    MalformedDocumentError,
    parse_failure_document,
)
from functions.runtime.invocation import Clock, time_to_keep
from functions.runtime.json_log import Json, JsonObject, Log
from functions.stream_records.user_change import utc_text

# What a rescue needs of the place where the records still are.


class ReadInterruptedError(Exception):
    """The records can't be read now; another attempt may work. The message says why."""


class RecordsGoneError(Exception):
    """The records, or those not yet given, can never be read again. The message says why."""


class StreamReader(Protocol):
    """Reads ranges of a stream."""

    def pages(self, pointer: StreamPointer) -> Iterator[list[Json]]:
        """Give the records of the range that the stream still has, in order and as Lambda delivers them, page by page.

        Raises:
            ReadInterruptedError: Not all can be read now.
            RecordsGoneError: No more can be read, ever.
        """
        ...


TIME_FOR_ONE_MESSAGE_SECONDS = 5.0
"""With less than this left, a message is not begun: cut off in the middle, it would only be sent twice."""

REASON_EXHAUSTED = "the function failed on it until the mapping's retries were used up"
REASON_EXPIRED = "it grew older than the mapping allows before it was processed"
PERHAPS_PROCESSED = "; the batch's range holds other records too, so it may have been processed already"
"""With a parallelization factor above 1, batches of one shard interleave, and the document has only its ends."""


class _SendInterruptedError(Exception):
    """The dead-letter queue can't take the records now."""


class Rescue:
    """Rescues batches within one invocation.

    Args:
        reader: Reads the stream.
        dead_letters: Where the envelopes go.
        log: Where it is told what was rescued.
        clock: The invocation's time.
        own_function: ARN of the running function, for messages that don't name the one that failed.
    """

    def __init__(
        self, reader: StreamReader, dead_letters: DeadLetterSender, log: Log, clock: Clock, own_function: str
    ) -> None:
        self._reader = reader
        self._dead_letters = dead_letters
        self._log = log
        self._clock = clock
        self._own_function = own_function
        self._time_for_one_message = time_to_keep(clock, TIME_FOR_ONE_MESSAGE_SECONDS)

    def rescue_all(self, messages: Sequence[JsonObject]) -> list[str]:
        """Rescue the batches that messages of the failure queue point to.

        Args:
            messages: Of an SQS event: each has `messageId` and `body`.

        Returns:
            The ids of the messages that must stay in the failure queue.

        Raises:
            Exception: What one of them met is nothing that was foreseen, and none is rescued. All of them stay then as
                well, and the function's error rings its alarm.
        """
        kept: list[str] = []
        unforeseen: Exception | None = None
        for message in messages:
            message_id = message["messageId"]
            try:
                reason = self._rescue_in_time(message["body"])
            except Exception as error:  # noqa: BLE001  whatever it is, the other messages must not wait for its end
                unforeseen = error
                self._log("ERROR", "RESCUE FAILED:", messageId=message_id, traceback=traceback.format_exc())
                kept.append(message_id)
                continue
            if reason is not None:
                self._log("WARNING", "BATCH NOT RESCUED YET:", messageId=message_id, reason=reason)
                kept.append(message_id)
        if unforeseen is not None and len(kept) == len(messages):
            raise unforeseen
        return kept

    def _rescue_in_time(self, body: str) -> str | None:
        """Rescue one message's batch; return why it must be tried again, None when it is done."""
        if self._clock.remaining() < self._time_for_one_message:
            return "the invocation's time is nearly over"
        try:
            self._rescue(body)
        except (ReadInterruptedError, _SendInterruptedError) as error:
            return str(error)
        return None

    def _rescue(self, body: str) -> None:
        try:
            document = parse_failure_document(body)
        except MalformedDocumentError as error:
            unreadable = self._unreadable(body, str(error))
            self._send([unreadable])
            self._log("ERROR", "FAILURE MESSAGE UNREADABLE:", failureId=unreadable.failure_id, reason=unreadable.reason)
            return
        pages = self._reader.pages(document.pointer) if document.records is None else [document.records]
        rescued = 0
        lost: FailedRecord | None = None
        for envelopes in _envelopes(document, pages):
            self._send(envelopes)
            lost = next((envelope for envelope in envelopes if envelope.kind == "lost"), None)
            rescued += len(envelopes) - (lost is not None)
        where = {
            "condition": document.condition,
            "shardId": document.pointer.shard_id,
            "startSequenceNumber": document.pointer.start_sequence_number,
            "endSequenceNumber": document.pointer.end_sequence_number,
        }
        self._log("INFO", "BATCH RESCUED:", **where, records=rescued)
        if lost is not None:
            self._log("ERROR", "RECORDS LOST:", **where, failureId=lost.failure_id, reason=lost.reason)

    def _send(self, envelopes: Sequence[FailedRecord]) -> None:
        interruption = self._dead_letters.send(envelopes).interruption
        if interruption is not None:
            raise _SendInterruptedError(interruption)

    def _unreadable(self, body: str, complaint: str) -> FailedRecord:
        """Return the envelope of a message that points to no records: someone must read it, so its text is kept."""
        seen_at = utc_text(self._clock.now())
        return FailedRecord(
            failure_id=content_id(body),
            kind="lost",
            reason=f"the failure message points to no records: {complaint}",
            attempts=0,
            source_function=self._own_function,
            first_failed_at=seen_at,
            last_failed_at=seen_at,
            document=body,
        )


def _envelopes(document: FailureDocument, pages: Iterable[list[Json]]) -> Iterator[list[FailedRecord]]:
    """Give the envelopes of a batch page by page, and last one for what can't be read any more.

    Records are held back up to the batch's own size: only then is it known whether the range holds others too.
    """
    batch_size = document.pointer.batch_size
    held: list[Json] = []
    found = 0
    ends: list[int] = []
    gone: str | None = None
    try:
        for page in pages:
            ends = [*ends[:1], _sequence_number(page[0]), _sequence_number(page[-1])]
            found += len(page)
            held += page
            if found > batch_size:
                yield [_rescued(document, record, PERHAPS_PROCESSED) for record in held]
                held = []
    except RecordsGoneError as error:
        gone = str(error)
    if held:
        yield [_rescued(document, record, "") for record in held]
    pointer = document.pointer
    wanted_ends = (int(pointer.start_sequence_number), int(pointer.end_sequence_number))
    whole = found >= batch_size and (ends[0], ends[-1]) == wanted_ends
    if gone is not None or not whole:
        yield [_lost(document, found, gone)]


def _sequence_number(record: Json) -> int:
    return int(identify_record(record).sequence_number or -1)


def _rescued(document: FailureDocument, record: Json, remark: str) -> FailedRecord:
    identity = identify_record(record)
    expired = document.condition == RECORD_AGE_EXCEEDED
    return FailedRecord(
        failure_id=identity.failure_id,
        kind="expired" if expired else "exhausted",
        reason=(REASON_EXPIRED if expired else REASON_EXHAUSTED) + remark,
        condition=document.condition,
        record=record,
        pointer=document.pointer,
        attempts=document.attempts,
        source_function=document.function_arn,
        event_source_arn=document.pointer.stream_arn,
        shard_id=document.pointer.shard_id,
        sequence_number=identity.sequence_number,
        user_id=identity.user_id,
        first_failed_at=document.failed_at,
        last_failed_at=document.failed_at,
    )


def _lost(document: FailureDocument, found: int, gone: str | None) -> FailedRecord:
    pointer = document.pointer
    cause = gone or "the stream forgets after 24 hours"
    return FailedRecord(
        failure_id=f"{pointer.shard_id}:{pointer.start_sequence_number}",
        kind="lost",
        reason=f"of a batch of {pointer.batch_size}, {found} could still be read and the others could not: {cause}",
        condition=document.condition,
        pointer=pointer,
        attempts=document.attempts,
        source_function=document.function_arn,
        event_source_arn=pointer.stream_arn,
        shard_id=pointer.shard_id,
        sequence_number=pointer.start_sequence_number,
        first_failed_at=document.failed_at,
        last_failed_at=document.failed_at,
    )
