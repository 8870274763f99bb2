"""Messages of an export file put back into the dead-letter queue."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from functions.failed_records.failed_record import FailedRecord
from functions.json_types import Json, is_object
from ops.dead_letter import read_envelope
from ops.errors import OpsError, WrongUsageError
from ops.long_work import LongWork
from ops.message_queue import BYTES_PER_CALL, MESSAGES_PER_CALL, MessageQueue, Outgoing

_BAD_LINE = (
    "name a file that `dlq export` or `dlq discard` wrote; if that was cut off at its last line, remove the line"
)


def restore(queue: MessageQueue, path: Path, work: LongWork) -> int:
    """Send every message of the file, and return how many those are.

    All lines are read before the first is sent. A failed record that is in the queue already is there twice then; each
    reader counts it once.

    Raises:
        WrongUsageError: The file can't be read, or a line of it is none of an export's.
        OpsError: The queue is out of reach, or work was stopped; the message says how many were sent.
    """
    total = sum(1 for _ in _messages(path))
    sent = 0
    batch: list[Outgoing] = []
    for message in _messages(path):
        batch.append(message)
        if len(batch) == MESSAGES_PER_CALL or sent + len(batch) == total:
            if work.stop():
                raise OpsError(f"Stopped: {sent:,} of {total:,} messages are back", "the same command begins anew")
            queue.send(batch)
            sent += len(batch)
            batch = []
            work.meter(sent, total)
    return sent


def _messages(path: Path) -> Iterator[Outgoing]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                yield _message(text, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsageError(f"{path} can't be read: {error}", "name a file that `dlq export` wrote") from error


def _message(text: str, place: str) -> Outgoing:
    try:
        line: Json = json.loads(text)
    except ValueError:
        line = None
    if not is_object(line) or not isinstance(line.get("attributes"), dict):
        raise WrongUsageError(f"{place} is none of an export's", _BAD_LINE)
    body: Json = line.get("body")
    if isinstance(body, str):
        return Outgoing(body, line["attributes"])
    envelope = read_envelope(json.dumps(line.get("envelope")))
    if isinstance(envelope, str):
        raise WrongUsageError(f"{place} holds no envelope: {envelope}", "was the file changed by hand?")
    return Outgoing(_fitting(envelope, place).to_json(), line["attributes"])


def _fitting(envelope: FailedRecord, place: str) -> FailedRecord:
    """Leave the record out where it is too large for a message, and lies in S3 as well."""
    if len(envelope.to_json()) < BYTES_PER_CALL - 1_000:  # room for the attributes
        return envelope
    if envelope.record_location is None:
        raise WrongUsageError(f"{place} is too large for a message, and names no place in S3")
    return replace(envelope, record=None, document=None)
