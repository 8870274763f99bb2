"""Messages of an export file put back into the dead-letter queue."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from functions.failed_records.failed_record import FailedRecord
from functions.json_types import Json, is_object
from ops.dead_letter import EnvelopeStore, read_envelope
from ops.errors import WrongUsageError
from ops.long_work import LongWork
from ops.message_queue import BYTES_PER_CALL, MESSAGES_PER_CALL, Outgoing
from ops.services import Services

_BAD_LINE = (
    "name a file that `dlq export` or `dlq discard` wrote; if that was cut off at its last line, remove the line"
)

LARGEST_BODY = BYTES_PER_CALL - 1_000
"""Leaves room for the attributes."""


def restore(services: Services, path: Path, work: LongWork) -> int:
    """Send every message of the file, up to a stop, and return how many were sent.

    All lines are read before the first is sent. A record too large for a message is written to S3 anew: what lies there
    is forgotten a day after the message that it was first kept for, while the one that points to it now still waits.
    A failed record that is in the queue already is there twice then; each reader counts it once.

    Raises:
        WrongUsageError: The file can't be read, or a line of it is none of an export's.
        OpsError: The queue or the bucket is out of reach.
    """
    queue, store = services.dead_letters(), services.envelopes()
    total = sum(1 for _ in _restorable(path))
    sent = 0
    batch: list[Outgoing] = []
    for restorable in _restorable(path):
        batch.append(restorable.message(store))
        if len(batch) == MESSAGES_PER_CALL or sent + len(batch) == total:
            if work.stop():
                break
            queue.send(batch)
            sent += len(batch)
            batch = []
            work.meter(sent, total)
    return sent


class _Restorable(NamedTuple):
    """What a line of the file says: an envelope, or a message that was none."""

    content: FailedRecord | str
    attributes: dict[str, str]

    def message(self, store: EnvelopeStore) -> Outgoing:
        """Return the message, its record kept in S3 first where it is too large."""
        if isinstance(self.content, str):
            return Outgoing(self.content, self.attributes)
        text = self.content.to_json()
        if len(text) < LARGEST_BODY:
            return Outgoing(text, self.attributes)
        store.keep(self.content.record_location or "", text)
        return Outgoing(replace(self.content, record=None, document=None).to_json(), self.attributes)


def _restorable(path: Path) -> Iterator[_Restorable]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                yield _read(text, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsageError(f"{path} can't be read: {error}", "name a file that `dlq export` wrote") from error


def _read(text: str, place: str) -> _Restorable:
    try:
        line: Json = json.loads(text)
    except ValueError:
        line = None
    if not is_object(line) or not isinstance(line.get("attributes"), dict):
        raise WrongUsageError(f"{place} is none of an export's", _BAD_LINE)
    body: Json = line.get("body")
    if isinstance(body, str):
        return _Restorable(body, line["attributes"])
    envelope = read_envelope(json.dumps(line.get("envelope")))
    if isinstance(envelope, str):
        raise WrongUsageError(f"{place} holds no envelope: {envelope}", "was the file changed by hand?")
    if len(envelope.to_json()) >= LARGEST_BODY and envelope.record_location is None:
        raise WrongUsageError(f"{place} is too large for a message, and names no place in S3")
    return _Restorable(envelope, line["attributes"])
