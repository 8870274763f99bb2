"""Turns what a delivery gave up on into full envelopes in the dead-letter queue.

Two kinds of messages come here. An event source mapping of a stream sends pointers to batches. The
failure queue of a consumer with a queue of its own has that queue's messages, whole (redriven.py).

A pointer leads into the stream, which keeps its records for 24 hours. So they are read at once and
sent whole. A message is done only when all of its records are in the dead-letter queue; otherwise
it stays in the failure queue and is tried again, which may send a record twice, under the same
failure id. Nothing is dropped but the records of erased users: for records that the stream no
longer has, an envelope with the pointer is sent, and for a message that can't be read, one with its
text.
"""

import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from functions.activity.closing_items import ERASED_USER
from functions.dead_letters.envelope import (
    DeadLetterSender,
    FailedRecord,
    RecordIdentity,
    StreamPointer,
    consumer_name,
    content_id,
    identify_record,
    request_of,
)
from functions.rescue_failed_batches.failure_document import (
    RECORD_AGE_EXCEEDED,
    FailureDocument,
    MalformedDocumentError,
    parse_failure_document,
)
from functions.rescue_failed_batches.redriven import is_redriven, redriven_record
from functions.runtime.arns import streams_of
from functions.runtime.invocation import Clock, reserved_time
from functions.runtime.json_log import Json, JsonObject, Log, utc_timestamp
from functions.stream_records.user_change import KIND_OF_EVENT

TIME_FOR_ONE_MESSAGE_SECONDS = 5.0
"""With less time left no message is begun: interrupted halfway, it would only be sent twice."""
REASON_EXHAUSTED = "the function failed on it until the mapping's retries were used up"
REASON_EXPIRED = "it grew older than the mapping allows before it was processed"


def _is_new_change(record: JsonObject) -> bool:
    kind: Json = record.get("dynamodb", {}).get("NewImage", {}).get("kind", {}).get("S")
    return record.get("eventName") == "INSERT" and kind in KIND_OF_EVENT.values()


_FILTERS = {"fan-out-user-changes": _is_new_change}
"""What a mapping's filter lets pass (infra/components/stream_consumer.py). A range of the stream
has others too, which were never the function's."""
PERHAPS_PROCESSED = "; the batch's range holds other records too, so it may have been processed already"
"""With a parallelization factor above 1, batches of one shard interleave, and the document only has
the ends of its own."""


class RescueInterruptedError(Exception):
    """The records can't be read or sent now; another attempt may work. The message says why."""


class RecordsLostError(Exception):
    """The records, or the rest of them, can never be read again. The message says why."""


class RecordReader(Protocol):
    """Reads ranges of a stream."""

    def pages(self, pointer: StreamPointer) -> Iterator[list[Json]]:
        """Yield the range's remaining records page by page, in order and as Lambda delivers them.

        Raises:
            RescueInterruptedError: Not all can be read now.
            RecordsLostError: No more can ever be read.
        """
        ...


class Rescue:
    """Rescues batches within one invocation.

    Args:
        reader: reads records back.
        dead_letters: gets the envelopes.
        log: gets a line for each message.
        clock: the invocation's.
        own_function: this function's ARN, for messages that don't name the one that failed.
        tables: names of the tables in whose streams records may be, in the function's account and
            region.
    """

    def __init__(  # noqa: PLR0913  each is a dependency
        self,
        reader: RecordReader,
        dead_letters: DeadLetterSender,
        log: Log,
        clock: Clock,
        *,
        own_function: str,
        tables: Sequence[str],
    ) -> None:
        self._reader = reader
        self._dead_letters = dead_letters
        self._log = log
        self._clock = clock
        self._own_function = own_function
        self._streams = tuple(streams_of(own_function, table) for table in tables)
        self._time_for_one_message = reserved_time(clock, TIME_FOR_ONE_MESSAGE_SECONDS)

    def rescue_all(self, messages: Sequence[JsonObject]) -> list[str]:
        """Rescue what the messages of an SQS event hold or point to.

        Returns:
            The ids of the messages that must stay in their failure queue.

        Raises:
            Exception: The last unforeseen one, if no message was rescued. All messages stay in this
                case too, and the function's error fires its alarm.
        """
        kept: list[str] = []
        unforeseen: Exception | None = None
        for message in messages:
            message_id = message["messageId"]
            try:
                self._rescue(message)
                continue
            except RescueInterruptedError as interruption:
                self._log("WARNING", "MESSAGE NOT RESCUED YET:", messageId=message_id, reason=str(interruption))
            except Exception as error:  # noqa: BLE001  whatever it is, the other messages are rescued
                unforeseen = error
                self._log("ERROR", "RESCUE FAILED:", messageId=message_id, traceback=traceback.format_exc())
            kept.append(message_id)
        if unforeseen is not None and len(kept) == len(messages):
            raise unforeseen
        return kept

    def _rescue(self, message: JsonObject) -> None:
        if self._clock.remaining() < self._time_for_one_message:
            raise RescueInterruptedError("the invocation's time is nearly over")
        if is_redriven(message):
            self._rescue_redriven(message)
        else:
            self._rescue_batch(message["body"])

    def _rescue_redriven(self, message: JsonObject) -> None:
        envelope = redriven_record(message, self._own_function, self._clock.now())
        erased = self._send([envelope])
        names = {"failureId": envelope.failure_id, "userId": envelope.user_id, "changeId": envelope.sequence_number}
        if erased:
            self._log("INFO", ERASED_USER, consumer=consumer_name(envelope.source_function), **names)
            return
        names |= request_of(message)
        self._log("ERROR", "MESSAGE RESCUED:", consumer=consumer_name(envelope.source_function), **names)

    def _rescue_batch(self, body: str) -> None:
        try:
            document = parse_failure_document(body, self._streams)
        except MalformedDocumentError as error:
            unreadable = self._unreadable(body, str(error))
            self._send([unreadable])
            self._log("ERROR", "FAILURE MESSAGE UNREADABLE:", failureId=unreadable.failure_id, reason=unreadable.reason)
            return
        pages = self._reader.pages(document.pointer)
        rescued = erased = 0
        lost: FailedRecord | None = None
        for envelopes in _envelopes(document, pages):
            left_out = self._send(envelopes)
            erased += left_out
            lost = next((envelope for envelope in envelopes if envelope.kind == "lost"), None)
            rescued += len(envelopes) - left_out - (lost is not None)
        batch = {
            "condition": document.condition,
            "shardId": document.pointer.shard_id,
            "startSequenceNumber": document.pointer.start_sequence_number,
            "endSequenceNumber": document.pointer.end_sequence_number,
        }
        self._log("INFO", "BATCH RESCUED:", **batch, records=rescued, ofErasedUsers=erased)
        if lost is not None:
            self._log("ERROR", "RECORDS LOST:", **batch, failureId=lost.failure_id, reason=lost.reason)

    def _send(self, envelopes: Sequence[FailedRecord]) -> int:
        """Send the envelopes; return how many are of erased users, of whom nothing is kept."""
        outcome = self._dead_letters.send(envelopes)
        if outcome.interruption is not None:
            raise RescueInterruptedError(outcome.interruption)
        return len(outcome.left_out)

    def _unreadable(self, body: str, complaint: str) -> FailedRecord:
        """Return the envelope of a message that points to no records, with its text for people."""
        seen_at = utc_timestamp(self._clock.now())
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
    """Yield a batch's envelopes page by page, and last one for what can't be read any more.

    Up to the batch's own size the records are held back, because only then is it known whether the
    range has others too.
    """
    pointer = document.pointer
    held: list[tuple[Json, RecordIdentity]] = []
    admits = _FILTERS.get(consumer_name(document.function_arn))
    read = 0
    found = 0
    ends: list[int] = []
    cause: str | None = None
    try:
        for page in pages:
            identities = [identify_record(record, document.function_arn) for record in page]
            ends = [*ends[:1], *(int(each.sequence_number or -1) for each in (identities[0], identities[-1]))]
            read += len(page)
            pairs = list(zip(page, identities, strict=True))
            delivered = pairs if admits is None else [pair for pair in pairs if admits(pair[0])]
            found += len(delivered)
            held += delivered
            if found > pointer.batch_size:
                yield [_rescued(document, *each, PERHAPS_PROCESSED) for each in held]
                held = []
    except RecordsLostError as error:
        cause = str(error)
    if held:
        yield [_rescued(document, *each, "") for each in held]
    wanted_ends = (int(pointer.start_sequence_number), int(pointer.end_sequence_number))
    whole = read >= pointer.batch_size and (ends[0], ends[-1]) == wanted_ends
    if cause is not None or not whole:
        yield [_lost(document, found, cause or "records leave the stream after 24 hours")]


def _rescued(document: FailureDocument, record: Json, identity: RecordIdentity, remark: str) -> FailedRecord:
    expired = document.condition == RECORD_AGE_EXCEEDED
    return FailedRecord(
        failure_id=identity.failure_id,
        kind="expired" if expired else "exhausted",
        reason=(REASON_EXPIRED if expired else REASON_EXHAUSTED) + remark,
        record=record,
        sequence_number=identity.sequence_number,
        user_id=identity.user_id,
        **_fields_of_batch(document),
    )


def _lost(document: FailureDocument, found: int, cause: str) -> FailedRecord:
    pointer = document.pointer
    return FailedRecord(
        failure_id=f"{pointer.shard_id}:{pointer.start_sequence_number}",
        kind="lost",
        reason=f"of a batch of {pointer.batch_size}, {found} could still be read and the others could not: {cause}",
        sequence_number=pointer.start_sequence_number,
        **_fields_of_batch(document),
    )


def _fields_of_batch(document: FailureDocument) -> JsonObject:
    return {
        "condition": document.condition,
        "pointer": document.pointer,
        "attempts": document.attempts,
        "source_function": document.function_arn,
        "event_source_arn": document.pointer.stream_arn,
        "shard_id": document.pointer.shard_id,
        "first_failed_at": document.failed_at,
        "last_failed_at": document.failed_at,
    }
