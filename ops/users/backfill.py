"""Give users from before the stream their INSERT record, through the real function, once only.

A user gets one if their INSERT is not, was not, and will not be in the stream. Three checks exclude
all others.

1. The item: if it was created since the stream began, its INSERT is in the stream.
2. The history: it shows the user as added; or as deleted, and then the user who is stored now came
   through the stream.
3. What is between stream and history: a change may be late, or in a queue. So the delivery must
   run without delay, a pause separates reading users from reading their histories, the rescue must
   have processed all pointers, and users with a change in the dead-letter queue are left to a later
   run.

The record shows the user as before all changes of the history, and its item comes before all of
theirs: the history has no gap, whatever happens meanwhile. A backfill that was killed and runs
again sends the same records.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from functions.stream_records.attribute_values import Image
from ops.aws.services import Services
from ops.dead_letters.message import ReplayOutcome
from ops.dead_letters.redelivery import ChangeResult, Redelivery
from ops.errors import OpsError, WrongUsageError
from ops.job import Job, in_batches
from ops.users.backfill_records import (
    backfill_change,
    before_changes,
    created_at,
    created_since,
    dated_at,
    stream_began_at,
    user_id_of,
)
from ops.users.delivery import Delivery

USERS_PER_ROUND = 5_000
"""Users read before their histories are, so that one pause serves many users."""

SETTLE_SECONDS = 10
"""The pause. Without delay, a change reaches Activity within two seconds of its write."""

BATCH_SIZE = 100  # most records in one invocation, the mapping's default; fewer at a low rate
PAGES_PER_ROUND = 32  # of at most 1 MB: bounds the memory however large the users are

FAILURES_SHOWN = 1_000


class BackfillCheckpoint(BaseModel):
    """Counts of users, and where the backfill continues: a file that is replaced as a whole."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    version: int = 1
    stream_arn: str  # tells one stack from another
    after: str | None = None  # id of the last user that was processed
    scanned: int = 0
    in_stream: int = 0  # created since the stream began
    with_history: int = 0  # their history shows them as added, by an earlier backfill for instance
    in_queue: int = 0  # a change of theirs is in the dead-letter queue
    backfilled: int = 0
    undated: int = 0
    """Of those: their `createdAt` is missing or can't be right, so they are dated as the stream."""
    dead_lettered: int = Field(default=0, alias="setAside")
    """The function sent their record to the dead-letter queue."""
    failed: int = 0


@dataclass
class BackfillReport:
    """How far a backfill came; the counts include earlier runs with the same checkpoint."""

    checkpoint: BackfillCheckpoint
    finished: bool = False
    failures: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Users whose record failed in this run, and why."""
    error: OpsError | None = None


class Backfill:
    """One run over the Users table, from the checkpoint in the file `path`.

    Without `send`, users are only counted, and no checkpoint is written.
    """

    def __init__(self, services: Services, path: Path, job: Job, *, users_per_second: float, send: bool = True) -> None:
        self._services = services
        self._path = path
        self._job = job
        self._rate = users_per_second
        self._batch_size = max(1, int(min(BATCH_SIZE, users_per_second)))
        self._send = send
        self._stream_arn = services.outputs.users_stream_arn
        self._began_at = stream_began_at(self._stream_arn)
        self._users = services.users()
        self._activity = services.activity()
        self._delivery = Delivery(services, job)
        self._redelivery = Redelivery(services.stream_function(), self._activity, job)
        checkpoint = _checkpoint_of(path, self._stream_arn) if send else None
        self.report = BackfillReport(checkpoint or BackfillCheckpoint(stream_arn=self._stream_arn))

    def run(self) -> BackfillReport:
        """Continue from the checkpoint to the end of the table, a stop or an error."""
        try:
            self._delivery.check()
            self._save(self.report.checkpoint)  # fails before any user is sent
            while not self.report.finished and not self._job.stop_requested():
                self._round()
        except OpsError as error:
            self.report.error = error
        if self.report.finished and self._send:
            self._path.unlink(missing_ok=True)
        return self.report

    def _round(self) -> None:
        """Process some thousand users, then move the checkpoint."""
        progress = self.report.checkpoint.model_copy()
        candidates = self._read(progress)
        if candidates:
            self._job.pause(SETTLE_SECONDS)
            self._delivery.check()
            self._delivery.wait_for_rescue()
            in_queue = self._delivery.users_in_queue()
            if self._job.stop_requested():
                return
            images = self._without_history(candidates, in_queue, progress)
            if not self._deliver(images, progress):
                return
        self.report.finished = progress.after is None
        self._job.report_progress(progress.scanned, progress.scanned)
        self._save(progress)

    def _without_history(
        self, candidates: Sequence[Image], in_queue: frozenset[str], progress: BackfillCheckpoint
    ) -> list[Image]:
        """Return the users to backfill, each as before all changes of its history."""
        kinds = self._activity.kinds([user_id_of(image) for image in candidates])
        images: list[Image] = []
        for image in candidates:
            user_id = user_id_of(image)
            if user_id in in_queue:
                progress.in_queue += 1
            elif kinds.get(user_id, set()) - {"UPDATED"}:
                progress.with_history += 1
            else:
                images.append(before_changes(image, self._activity.history(user_id) if user_id in kinds else ()))
        return images

    def _keep_counts(self, progress: BackfillCheckpoint) -> None:
        """Count what was sent in a round that is repeated: those users have a history then."""
        sent = {name: getattr(progress, name) for name in ("backfilled", "undated", "dead_lettered")}
        self._save(self.report.checkpoint.model_copy(update=sent))

    def _save(self, checkpoint: BackfillCheckpoint) -> None:
        self.report.checkpoint = checkpoint
        if self._send:
            write_checkpoint(self._path, checkpoint)

    def _read(self, progress: BackfillCheckpoint) -> list[Image]:
        """Read the next users of the table; return those who may be from before the stream."""
        candidates: list[Image] = []
        for _ in range(PAGES_PER_ROUND):
            page = self._users.page(progress.after)
            now = self._job.now()
            older = [image for image in page.users if not created_since(image, self._began_at, now)]
            candidates += older
            progress.scanned += len(page.users)
            progress.in_stream += len(page.users) - len(older)
            progress.after = page.next_after
            if progress.after is None or len(candidates) >= USERS_PER_ROUND:
                break
        return candidates

    def _deliver(self, images: Sequence[Image], progress: BackfillCheckpoint) -> bool:
        """Send the users' records; say whether all were tried, and keep the counts if not."""
        region = self._services.outputs.region
        for part in in_batches(images, self._batch_size):
            batch = [backfill_change(image, self._stream_arn, region) for image in part]
            if not self._send:
                progress.backfilled += len(batch)
                progress.undated += sum(map(self._is_undated, part))
                continue
            begun = self._job.now()
            if self._job.stop_requested():
                self._keep_counts(progress)
                return False
            results, error = self._redelivery.deliver(batch)
            for result in results:
                self._count(result, progress)
            self._job.report_progress(progress.backfilled, progress.scanned)
            if error or len(results) < len(batch):
                self._keep_counts(progress)
                if error:
                    raise error
                return False
            self._job.pause(len(batch) / self._rate - (self._job.now() - begun))
        return True

    def _count(self, result: ChangeResult, progress: BackfillCheckpoint) -> None:
        if result.outcome is ReplayOutcome.REPLAYED:
            progress.backfilled += 1
            progress.undated += self._is_undated(result.change.record["dynamodb"]["NewImage"])
        elif result.outcome is ReplayOutcome.REFUSED:
            progress.dead_lettered += 1
        else:
            progress.failed += 1
            if len(self.report.failures) < FAILURES_SHOWN:
                self.report.failures.append((result.change.user_id, result.detail or ""))

    def _is_undated(self, image: Image) -> bool:
        created = created_at(image)
        return created is None or int(created) != dated_at(image, self._began_at)


def _checkpoint_of(path: Path, stream_arn: str) -> BackfillCheckpoint | None:
    """Return a stream's checkpoint; a WrongUsageError if it is another's."""
    checkpoint = read_checkpoint(path)
    if checkpoint and checkpoint.stream_arn != stream_arn:
        raise WrongUsageError(
            f"The checkpoint {path} is of the stream {checkpoint.stream_arn}, this stack's is {stream_arn}",
            "name another file, or start again with --restart; no user is added twice",
        )
    return checkpoint


def write_checkpoint(path: Path, checkpoint: BackfillCheckpoint) -> None:
    """Replace the file, or raise a WrongUsageError if it can't be written."""
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with new.open("w", encoding="utf-8") as file:
            file.write(checkpoint.model_dump_json(by_alias=True, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        message = f"The checkpoint {path} can't be written: {error.strerror}"
        raise WrongUsageError(message, "name another file with --checkpoint") from error


def read_checkpoint(path: Path) -> BackfillCheckpoint | None:
    """Return the file's checkpoint; None without a file, a WrongUsageError if it holds none."""
    try:
        return BackfillCheckpoint.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WrongUsageError(f"The checkpoint {path} can't be read: {error.strerror}", "name another file") from error
    except ValidationError as error:
        raise WrongUsageError(
            f"{path} is no checkpoint of a backfill",
            "name another file; if it is a broken checkpoint, delete it and start again: no user is added twice",
        ) from error
