"""Write dead letters to a file, one JSON object per line, and put them back into the queue.

Each line has `messageId`, `failureId`, `sentAt`, `attributes`, and either `envelope` (with its
record, also if that is in S3) or, for a message that isn't an envelope, its `body`. `missing` says
why a record isn't in it, `foreign` why this stack's functions can't have written the envelope.
Messages are deleted only after the file is on disk.
"""

import json
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from functions.dead_letters.envelope import FailedRecord
from functions.runtime.json_log import Json, JsonObject, is_object, utc_timestamp
from infra.outputs import StackOutputs
from ops.aws.queues import BYTES_PER_CALL, MESSAGES_PER_CALL, EnvelopeStore, OutgoingMessage
from ops.aws.services import Services
from ops.dead_letters.message import FOREIGN, DeadLetter, is_foreign, read_dead_letter, read_envelope
from ops.dead_letters.peek import Peek
from ops.dead_letters.provenance import own_location
from ops.errors import OpsError, UnreadableRecordError, WrongUsageError
from ops.job import Job

_BY_HAND = "was the file changed by hand?"

VISIBILITY_TIMEOUT = 900
"""Seconds. The longest round of an export; after a kill messages become visible again then."""


@dataclass
class ExportReport:
    """What an export did."""

    file: str | None
    exported: int = 0
    removed: int = 0
    foreign: int = 0  # of those exported, which this stack's functions can't have written
    complete: bool = False  # whether every visible message was read
    hidden_by_others: int = 0
    """Approximate number of messages in flight in other consumers, which are not in the file."""
    interrupted: bool = False


def export_messages(
    services: Services, path: Path, job: Job, *, only: Callable[[DeadLetter], bool] = lambda _: True, remove: bool
) -> ExportReport:
    """Write all messages, or only some, to a new file; with `remove` delete what is in it.

    SQS allows 120,000 messages in flight; only an export that deletes can take a larger queue, in
    rounds. Raise a WrongUsageError if the file exists, or can't be written. Whatever the error, the
    messages that are deleted by then are in the file.
    """
    queue, store = services.dead_letter_queue(), services.envelopes()
    report = ExportReport(str(path))
    deleted = 1
    with new_file(path) as file:
        while deleted and not report.complete and not job.stop_requested():
            with Peek(queue, job.stop_requested, visibility_timeout=VISIBILITY_TIMEOUT, now=job.now) as peek:
                written: list[str] = []
                for message in peek.messages():
                    letter = read_dead_letter(message, services.outputs)
                    if only(letter):
                        line = _line(letter, store)
                        report.foreign += "foreign" in line
                        file.write(json.dumps(line, separators=(",", ":")) + "\n")
                        written.append(message.message_id)
                        report.exported += 1
                        job.report_progress(report.exported, peek.received)
                report.complete = peek.complete
                report.hidden_by_others = peek.in_flight_elsewhere(queue.depth())
                deleted = 0
                if remove and not job.stop_requested():
                    file.keep()
                    deleted = peek.delete(written)
                report.removed += deleted
    report.interrupted = job.stop_requested()
    return report


def _line(letter: DeadLetter, store: EnvelopeStore) -> JsonObject:
    line: JsonObject = {
        "messageId": letter.message.message_id,
        "failureId": letter.failure_id,
        "sentAt": utc_timestamp(letter.message.sent_at),
        "attributes": dict(letter.message.attributes),
    }
    try:
        letter = letter.fetched(store)
    except UnreadableRecordError as error:
        line["missing"] = error.message
    if letter.kind == FOREIGN:
        line["foreign"] = letter.reason
    if letter.envelope:
        line["envelope"] = json.loads(letter.envelope.to_json())
    else:
        line["body"] = letter.message.body
    return line


class NewFile:
    """A file that is being written; of a failed command only what is `kept` stays."""

    def __init__(self, file: TextIOWrapper) -> None:
        self._file = file
        self.kept_bytes = 0

    def write(self, text: str) -> None:
        """Add a text."""
        self._file.write(text)

    def keep(self) -> None:
        """Bring all that is written onto the disk, to stay there whatever happens."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self.kept_bytes = os.fstat(self._file.fileno()).st_size


@contextmanager
def new_file(path: Path) -> Generator[NewFile]:
    """Create a file that only its owner can read, because failed records are personal data.

    If the block fails, the file ends with what is kept. Without that it is removed, so that the
    same command can run again. Raise a WrongUsageError if it exists or can't be written.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        advice = "name another file: what an earlier export saved is never overwritten"
        raise WrongUsageError(f"{path} exists", advice) from error
    except OSError as error:
        raise WrongUsageError(f"{path} can't be written: {error.strerror}", "name a file that can") from error
    kept_bytes = 0
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            _sync_folder(path)
            new = NewFile(file)
            try:
                yield new
                new.keep()
            finally:
                kept_bytes = new.kept_bytes
    except BaseException as error:
        if kept_bytes:
            os.truncate(path, kept_bytes)  # without half a line
        else:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            kept = f" What was removed from the queue is in it: {kept_bytes:,} bytes." if kept_bytes else ""
            advice = "make room, or name a file elsewhere, and run the command again"
            raise OpsError(f"{path} can't be written: {error.strerror}.{kept}", advice) from error
        raise


def _sync_folder(path: Path) -> None:
    folder = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # without it a power failure may lose the file's name
    finally:
        os.close(folder)


class Restored(NamedTuple):
    """What a restoring did."""

    sent: int
    left_out: int  # of users who were erased since
    foreign: int  # not of this stack


def restore(services: Services, path: Path, job: Job) -> Restored:
    """Send every message of an export file until a stop is requested.

    All lines are read and checked before the first is sent. A record too large for a message is
    written to S3 again, because the bucket expires objects a day after the message that they were
    first written for. A failed record that is still in the queue is there twice then; each reader
    counts it once.
    Left out are records of users who were erased since, and what this stack's functions can't have
    written, such as another stack's. Raise a WrongUsageError if the file can't be read, or a line
    isn't an export's, or holds what no queue takes.
    """
    queue, activity, outputs = services.dead_letter_queue(), services.activity(), services.outputs
    total = sum(1 for _ in _restorable(path, outputs))
    sent = left_out = foreign = 0
    lines = _restorable(path, outputs)
    while batch := list(islice(lines, MESSAGES_PER_CALL)):
        erased = activity.erased([user_id for line in batch if (user_id := line.user_id)])
        if job.stop_requested():
            break
        own = [line for line in batch if not line.is_foreign(outputs)]
        kept = [line for line in own if line.user_id not in erased]
        for line in kept:
            if line.in_s3 is not None and line.in_s3.record_location is not None:
                services.envelopes().keep(line.in_s3.record_location, line.in_s3.to_json())
        queue.send([line.message for line in kept])
        sent += len(kept)
        left_out += len(own) - len(kept)
        foreign += len(batch) - len(own)
        job.report_progress(sent + left_out + foreign, total)
    return Restored(sent, left_out, foreign)


class _Line(NamedTuple):
    """One line of an export."""

    envelope: FailedRecord | None  # None for another message
    message: OutgoingMessage
    in_s3: FailedRecord | None  # the whole envelope, if it is too large for a message
    sent_at: float  # when the message was sent first, in seconds since the epoch; 0 if unknown

    @property
    def user_id(self) -> str | None:
        return None if self.envelope is None else self.envelope.user_id

    def is_foreign(self, outputs: StackOutputs) -> bool:
        return self.envelope is not None and is_foreign(self.envelope, outputs, self.sent_at)


def _line_of(content: FailedRecord | str, attributes: dict[str, str], sent_at: float, outputs: StackOutputs) -> _Line:
    if isinstance(content, str):
        return _Line(None, OutgoingMessage(content, attributes), None, sent_at)
    message = OutgoingMessage(content.to_json(), attributes)
    if message.size <= BYTES_PER_CALL:
        return _Line(content, message, None, sent_at)
    stored = replace(content, record_location=own_location(outputs, content.failure_id))
    message = OutgoingMessage(replace(stored, record=None, document=None).to_json(), attributes)
    return _Line(content, message, stored, sent_at)


def _restorable(path: Path, outputs: StackOutputs) -> Iterator[_Line]:
    """Yield the lines."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                place = f"{path}, line {number}"
                line = _parse_line(text, place, outputs)
                if complaint := line.message.complaint:
                    raise WrongUsageError(f"{place} holds a message that no queue takes: {complaint}", _BY_HAND)
                yield line
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsageError(f"{path} can't be read: {error}", "name a file that `dlq export` wrote") from error


def _parse_line(text: str, place: str, outputs: StackOutputs) -> _Line:
    try:
        line: Json = json.loads(text)
    except (ValueError, RecursionError):
        line = None
    attributes: Json = line.get("attributes") if is_object(line) else None
    if not is_object(line) or not is_object(attributes) or not all(isinstance(one, str) for one in attributes.values()):
        raise WrongUsageError(
            f"{place} isn't an export's",
            "name a file that `dlq export` or `dlq discard` wrote; if that was cut off, remove its last line",
        )
    body: Json = line.get("body")
    # No export has an envelope for a body; one that is gets the same checks.
    envelope = read_envelope(body if isinstance(body, str) else json.dumps(line.get("envelope")))
    content = body if isinstance(envelope, str) else envelope
    if not isinstance(content, FailedRecord | str):
        raise WrongUsageError(f"{place} holds no envelope: {envelope}", _BY_HAND)
    return _line_of(content, attributes, _seconds(line.get("sentAt")), outputs)


def _seconds(timestamp: Json) -> float:
    """Return an export's time in seconds since the epoch; 0 for anything else."""
    try:
        return datetime.fromisoformat(timestamp).timestamp() if isinstance(timestamp, str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
