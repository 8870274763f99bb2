"""Failed records written to a file, one JSON object per line, before anything is removed from the queue.

Each line: `messageId`, `failureId`, `sentAt`, `attributes`, and either `envelope` (with its record, wherever that lay)
or, for a message that is none, `body` as it came.
"""

import json
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple

from functions.dead_letters.envelope import FailedRecord
from functions.runtime.json_log import Json, JsonObject, is_object
from functions.runtime.timestamps import utc_timestamp
from ops.aws.sqs import BYTES_PER_CALL, MESSAGES_PER_CALL, Outgoing
from ops.dead_letters.message import DeadLetter, EnvelopeStore, read_dead_letter, read_envelope
from ops.dead_letters.summary import Look
from ops.errors import NotFoundError, WrongUsageError
from ops.job import LongWork
from ops.services import Services

HIDE_SECONDS = 900
"""The longest an export's round may take; so long are messages hidden when it is killed."""


@dataclass
class ExportReport:
    """What an export did."""

    path: Path
    exported: int = 0
    removed: int = 0
    complete: bool = False
    """Whether all that was visible in the queue has been looked at."""
    hidden_by_others: int = 0
    """Messages that somebody else held meanwhile, about: they are not in the file."""
    interrupted: bool = False


class Export:
    """Writes chosen messages to a new file, and removes them where that is wanted.

    Args:
        services: The stack's.
        chosen: Says whether a message belongs to the choice.
        work: What stops and times it.
        remove: Whether to remove what was written; then a queue of any size is taken in rounds.
    """

    def __init__(
        self, services: Services, chosen: Callable[[DeadLetter], bool], work: LongWork, *, remove: bool
    ) -> None:
        self._queue = services.dead_letters()
        self._envelopes = services.envelopes()
        self._chosen = chosen
        self._work = work
        self._remove = remove

    def run(self, path: Path) -> ExportReport:
        """Write the file.

        Raises:
            WrongUsageError: The file exists, or can't be written.
            OpsError: The queue or the bucket is out of reach; what was removed by then is in the file.
        """
        report = ExportReport(path)
        with _new_file(path) as file:
            while self._round(file, report) and not report.complete and not self._work.stop():
                pass
        report.interrupted = self._work.stop()
        return report

    def _round(self, file: TextIOWrapper, report: ExportReport) -> int:
        """Write all that can be held at once; return how much of it was removed."""
        with Look(self._queue, self._work.stop, hide_seconds=HIDE_SECONDS, now=self._work.now) as look:
            written: list[str] = []
            for message in look.messages():
                letter = read_dead_letter(message)
                if self._chosen(letter):
                    file.write(json.dumps(self._line(letter), separators=(",", ":")) + "\n")
                    written.append(message.message_id)
                    report.exported += 1
                    self._work.meter(report.exported, look.seen)
            _to_disk(file)
            report.complete = look.complete
            report.hidden_by_others = max(0, self._queue.depth().in_flight - look.held())
            if not self._remove or self._work.stop():
                return 0
            removed = look.remove(written)
            report.removed += removed
            return removed

    def _line(self, letter: DeadLetter) -> JsonObject:
        line: JsonObject = {
            "messageId": letter.message.message_id,
            "failureId": letter.failure_id,
            "sentAt": utc_timestamp(letter.message.sent_at),
            "attributes": dict(letter.message.attributes),
        }
        try:
            letter = letter.fetched(self._envelopes)
        except NotFoundError as error:
            line["missing"] = error.message
        if letter.envelope:
            line["envelope"] = json.loads(letter.envelope.to_json())
        else:
            line["body"] = letter.message.body
        return line


@contextmanager
def _new_file(path: Path) -> Generator[TextIOWrapper]:
    """Open a file that didn't exist, for its owner alone: failed records are personal data."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise WrongUsageError(
            f"{path} exists", "name another file: what an earlier export saved is never overwritten"
        ) from error
    except OSError as error:
        raise WrongUsageError(f"{path} can't be written: {error.strerror}", "name a file that can") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        folder = os.open(path.absolute().parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # or the file's name could be lost with the power
        finally:
            os.close(folder)
        try:
            yield file
        except Exception:
            file.flush()
            if not path.stat().st_size:
                path.unlink()  # The same command, once the trouble is over, shall find its name free.
            raise


def _to_disk(file: TextIOWrapper) -> None:
    file.flush()
    os.fsync(file.fileno())


# Messages of an export file put back into the dead-letter queue.

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
