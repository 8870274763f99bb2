"""Failed records written to a file, one JSON object per line, before anything is removed from the queue.

Each line: `messageId`, `failureId`, `sentAt`, `attributes`, and either `envelope` (with its record, wherever that lay)
or, for a message that is none, `body` as it came.
"""

import json
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from functions.json_types import JsonObject
from functions.stream_records.user_change import utc_text
from ops.dead_letter import DeadLetter, read_dead_letter
from ops.errors import NotFoundError, WrongUsageError
from ops.long_work import LongWork
from ops.look import Look
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
            "sentAt": utc_text(letter.message.sent_at),
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
