"""What SQS holds of a person: pointers to failed records, dead letters, changes on their way."""

from collections.abc import Iterator

from functions.dead_letters.envelope import StreamPointer
from functions.rescue_failed_batches.failure_document import MalformedDocumentError, parse_failure_document
from functions.runtime.json_log import Json, JsonObject, utc_timestamp
from ops.aws.queues import Message, MessageQueue
from ops.aws.services import Services
from ops.dead_letters.message import DeadLetter, read_dead_letter
from ops.dead_letters.peek import Peek, unread_remark
from ops.dead_letters.provenance import own_streams
from ops.errors import DeniedError, NotFoundError, UnreadableRecordError
from ops.job import Job
from ops.person.place import Finding, Reading, is_of, json_or_text, message_is_of

SQS = "SQS"
_AGAIN = "Run the same command again later."


class _Queue:
    """A queue whose messages are looked at, and released."""

    service = SQS

    def __init__(self, name: str, queue: MessageQueue) -> None:
        self.name = name
        self.resource = queue.name
        self.queue = queue

    def read(self, user_id: str, job: Job) -> Reading:
        """See `Place.read`. Messages are invisible to others meanwhile, for a minute at most."""
        findings: list[Finding] = []
        lost: list[str] = []
        with Peek(self.queue, job.stop_requested) as peek:
            for message in peek.messages():
                findings += self._findings(message, user_id, lost)
            depth = self.queue.depth()
            remark = unread_remark(peek, depth, _AGAIN)
            if remark is None and depth.visible:
                # Of a FIFO queue: no more of a user while ten messages of the user are in flight.
                remark = f"About {depth.visible:,} messages wait behind others of the same users. {_AGAIN}"
        if job.stop_requested():
            raise KeyboardInterrupt
        return Reading(findings, " ".join([*([remark] if remark else []), *lost]) or None)

    def _findings(self, message: Message, user_id: str, lost: list[str]) -> Iterator[Finding]:
        """Yield what a message holds of the user; add to `lost` what can't be read any more."""
        raise NotImplementedError


class ConsumerQueue(_Queue):
    """A consumer's queue, or its failure queue: the names of changes that are in Activity."""

    def _findings(self, message: Message, user_id: str, lost: list[str]) -> Iterator[Finding]:  # noqa: ARG002
        if message_is_of(message.body, user_id):
            yield Finding(message_location(message), json_or_text(message.body))


class DeadLetters(_Queue):
    """The dead-letter queue: failed records, whole. Those in S3 are another place's."""

    def __init__(self, services: Services) -> None:
        super().__init__("dead-letter-queue", services.dead_letter_queue())
        self._outputs = services.outputs
        self._store = services.envelopes()

    def _findings(self, message: Message, user_id: str, lost: list[str]) -> Iterator[Finding]:  # noqa: ARG002
        if self.is_of(message, user_id):
            yield Finding(message_location(message), json_or_text(message.body))

    def is_of(self, message: Message, user_id: str) -> bool:
        """Say whether a message is about the user."""
        letter = read_dead_letter(message, self._outputs)
        if letter.envelope is None:
            return message_is_of(message.body, user_id)
        if letter.user_id is not None and letter.envelope.record is None:
            return letter.user_id == user_id
        # What somebody else wrote may name another user than its record does.
        return letter.user_id == user_id or is_of(self._record(letter), user_id)

    def _record(self, letter: DeadLetter) -> Json:
        try:
            letter = letter.fetched(self._store)
        except UnreadableRecordError as error:
            if isinstance(error.__cause__, DeniedError):
                raise error.__cause__ from error
            return None  # the object expired before its message, or the message isn't ours
        return letter.envelope.record if letter.envelope else None


class Pointers(_Queue):
    """A queue of pointers: the user's records in the ranges of the stream that they point to.

    A pointer names nobody: another message may, and so may one that points elsewhere.
    """

    def __init__(self, name: str, queue: MessageQueue, services: Services) -> None:
        super().__init__(name, queue)
        self._streams = services.streams()
        self._own_streams = own_streams(services.outputs)

    def _findings(self, message: Message, user_id: str, lost: list[str]) -> Iterator[Finding]:
        pointer = self.pointer_of(message)
        if pointer is None:
            if message_is_of(message.body, user_id):
                yield Finding(message_location(message), json_or_text(message.body))
            return
        try:
            records = self._streams.records(pointer)
        except NotFoundError:
            records = []
        if len(records) < pointer.batch_size:
            missing = pointer.batch_size - len(records)
            lost.append(f"{missing:,} records of message {message.message_id} have left the stream, unread.")
        for record in records:
            if is_of(record, user_id):
                yield Finding(message_location(message) | _range(pointer), record)

    def pointer_of(self, message: Message) -> StreamPointer | None:
        """Return where the records of a message are; None if it points to none of this stack."""
        try:
            return parse_failure_document(message.body, self._own_streams).pointer
        except MalformedDocumentError:
            return None


def message_location(message: Message) -> JsonObject:
    """Return where a message is."""
    return {"messageId": message.message_id, "sentAt": utc_timestamp(message.sent_at)}


def _range(pointer: StreamPointer) -> JsonObject:
    return {"streamArn": pointer.stream_arn, "shardId": pointer.shard_id}
