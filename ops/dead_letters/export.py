"""Write dead letters to a file, one JSON object per line, and put them back into the queue.

Each line has `messageId`, `failureId`, `sentAt`, `attributes`, and either `envelope` (with its
record, also if that is in S3) or, for a message that isn't an envelope, its `body`. Messages are
deleted only after the file is on disk.
"""

import json
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from functions.dead_letters.envelope import FailedRecord
from functions.runtime.json_log import Json, JsonObject, is_object, utc_timestamp
from ops.aws.queues import BYTES_PER_CALL, MESSAGES_PER_CALL, EnvelopeStore, OutgoingMessage, check_location
from ops.aws.services import Services
from ops.dead_letters.message import DeadLetter, read_dead_letter, read_envelope
from ops.dead_letters.peek import Peek
from ops.errors import OpsError, UnreadableRecordError, WrongUsageError
from ops.job import Job

VISIBILITY_TIMEOUT = 900
"""Seconds. The longest round of an export; after a kill messages become visible again then."""

LARGEST_BODY = BYTES_PER_CALL - 1_000  # leaves room for the attributes


@dataclass
class ExportReport:
    """What an export did."""

    file: str | None
    exported: int = 0
    removed: int = 0
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
    queue, store, environment = services.dead_letter_queue(), services.envelopes(), services.outputs.environment
    report = ExportReport(str(path))
    deleted = 1
    with new_file(path) as file:
        while deleted and not report.complete and not job.stop_requested():
            with Peek(queue, job.stop_requested, visibility_timeout=VISIBILITY_TIMEOUT, now=job.now) as peek:
                written: list[str] = []
                for message in peek.messages():
                    letter = read_dead_letter(message, environment)
                    if only(letter):
                        line = _line(letter, store)
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


def restore(services: Services, path: Path, job: Job) -> Restored:
    """Send every message of an export file until a stop is requested.

    All lines are read before the first is sent. A record too large for a message is written to S3
    again, because the bucket expires objects a day after the message that they were first written
    for. A failed record that is still in the queue is there twice then; each reader counts it once.
    Records of users who were erased since are left out. Raise a WrongUsageError if the file can't
    be read, or a line isn't an export's.
    """
    queue, store, activity = services.dead_letter_queue(), services.envelopes(), services.activity()
    total = sum(1 for _ in _restorable(path, services.outputs.failed_records_bucket_name))
    sent = left_out = 0
    lines = _restorable(path, services.outputs.failed_records_bucket_name)
    while batch := list(islice(lines, MESSAGES_PER_CALL)):
        erased = activity.erased([user_id for content, _ in batch if (user_id := _user_id(content))])
        if job.stop_requested():
            break
        kept = [(content, attributes) for content, attributes in batch if _user_id(content) not in erased]
        queue.send([_outgoing(content, attributes, store) for content, attributes in kept])
        sent += len(kept)
        left_out += len(batch) - len(kept)
        job.report_progress(sent + left_out, total)
    return Restored(sent, left_out)


def _user_id(content: FailedRecord | str) -> str | None:
    return None if isinstance(content, str) else content.user_id


def _outgoing(content: FailedRecord | str, attributes: dict[str, str], store: EnvelopeStore) -> OutgoingMessage:
    """Return the message of an envelope, stored in S3 first if it is too large, or of a body."""
    if isinstance(content, str):
        return OutgoingMessage(content, attributes)
    text = content.to_json()
    if len(text) < LARGEST_BODY:
        return OutgoingMessage(text, attributes)
    store.keep(content.record_location or "", text)
    return OutgoingMessage(replace(content, record=None, document=None).to_json(), attributes)


def _restorable(path: Path, bucket: str) -> Iterator[tuple[FailedRecord | str, dict[str, str]]]:
    """Yield each line's envelope, or the body of another message, with the message's attributes."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                yield _parse_line(text, f"{path}, line {number}", bucket)
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsageError(f"{path} can't be read: {error}", "name a file that `dlq export` wrote") from error


def _parse_line(text: str, place: str, bucket: str) -> tuple[FailedRecord | str, dict[str, str]]:
    try:
        line: Json = json.loads(text)
    except ValueError:
        line = None
    if not is_object(line) or not isinstance(line.get("attributes"), dict):
        raise WrongUsageError(
            f"{place} isn't an export's",
            "name a file that `dlq export` or `dlq discard` wrote; if that was cut off, remove its last line",
        )
    body: Json = line.get("body")
    if isinstance(body, str):
        return body, line["attributes"]
    envelope = read_envelope(json.dumps(line.get("envelope")))
    if isinstance(envelope, str):
        raise WrongUsageError(f"{place} holds no envelope: {envelope}", "was the file changed by hand?")
    if len(envelope.to_json()) >= LARGEST_BODY:
        try:
            check_location(envelope.record_location or "", bucket)
        except UnreadableRecordError as error:
            raise WrongUsageError(f"{place} is too large for a message: {error.message}", "remove the line") from error
    return envelope, line["attributes"]
