"""Users from before the stream get the record that they never had: an INSERT, through the same function, once only.

Who gets one: a user whose INSERT is not, was not, and will not be in the stream. Three fences keep all others out.

1. The item itself: created since the stream began, its INSERT is there.
2. The history: it shows the user added; or deleted, and then whoever is there now came through the stream.
3. The way between stream and history: a change can be late, or wait in a queue. So the delivery must be going and not
   behind, there is a pause between reading a user and asking for the history, pointers must have been rescued, and
   who has a change in the dead-letter queue is left for a later run.

The record shows the user as before all changes that the history tells of, and its item stands before all of theirs:
whatever happens meanwhile, the history stays a story without a gap. Killed and run again, a backfill sends the same
records to the same keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from functions.stream_records.attribute_values import Image
from ops.dead_letters.message import ReplayableChange, read_dead_letter
from ops.dead_letters.redelivery import Outcome, Redelivery
from ops.dead_letters.summary import Look
from ops.errors import OpsError
from ops.health import read_status
from ops.job import Checkpoint, LongWork, read_checkpoint, write_checkpoint
from ops.people.backfill_records import backfill_change, before_changes, created_since, stream_began_at, user_id_of
from ops.services import Services

USERS_PER_STRETCH = 5_000
"""Users read before their histories are asked for, so that the pause between counts for many at once."""

SETTLE_SECONDS = 10
"""The pause. A change reaches Activity within a second or two of its write when the delivery isn't behind."""

LATEST_SECONDS = 60
"""The delivery is behind when its iterator is older."""

POINTER_WAIT_SECONDS = 60
"""For the rescue to take the pointers that are in the failure queue."""

BATCH_SIZE = 100
"""Records in one invocation at most, as many as the mapping sends by default; fewer at a low rate, which is one of
users, not of invocations."""

PAGES_PER_STRETCH = 32
"""Of 1 MB at most: bounds the memory however large the users are."""

FAILURES_SHOWN = 1_000


@dataclass
class BackfillReport:
    """How far a backfill came; the counts are of the whole of it, earlier runs of the same checkpoint included."""

    checkpoint: Checkpoint
    finished: bool = False
    failures: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Users whose record failed in this run, and why."""
    error: OpsError | None = None


class Backfill:
    """One run over the Users table.

    Args:
        services: The stack's.
        path: The checkpoint's file.
        work: What stops and times it.
        users_per_second: The fastest that users are sent to the function.
        send: Whether to send anything: without it, users are only counted, and no checkpoint is written.
    """

    def __init__(
        self, services: Services, path: Path, work: LongWork, *, users_per_second: float, send: bool = True
    ) -> None:
        outputs = services.outputs
        self._services = services
        self._path = path
        self._work = work
        self._rate = users_per_second
        self._batch_size = max(1, int(min(BATCH_SIZE, users_per_second)))
        self._send = send
        self._stream_arn = outputs.users_stream_arn
        self._began_at = stream_began_at(outputs.users_stream_arn)
        self._users = services.users()
        self._activity = services.activity()
        self._redelivery = Redelivery(services.change_function(), self._activity, work)
        start = read_checkpoint(path, self._stream_arn) if send else Checkpoint(stream_arn=self._stream_arn)
        self.report = BackfillReport(start)

    def run(self) -> BackfillReport:
        """Go on from the checkpoint to the end of the table, a stop or an error."""
        try:
            self._check_delivery()
            if self._send:
                write_checkpoint(self._path, self.report.checkpoint)  # now, lest it fails when users have been sent
            while not self.report.finished and not self._work.stop():
                self._stretch()
        except OpsError as error:
            self.report.error = error
        if self.report.finished and self._send:
            self._path.unlink(missing_ok=True)
        return self.report

    def _check_delivery(self) -> None:
        """Refuse to go on where a change may be long on its way.

        Raises:
            OpsError: Nothing is delivered, or late; or it can't be seen whether.
        """
        status = read_status(self._services)
        for error in status.delivery_unknown:
            raise error
        troubles = status.delivery_troubles()
        if status.iterator_age_seconds is not None and status.iterator_age_seconds > LATEST_SECONDS:
            troubles.append(f"changes are delivered {status.iterator_age_seconds:.0f} s late")
        if troubles:
            raise OpsError(
                f"A backfill can't tell now who is in the stream: {'; '.join(troubles)}",
                "`python -m ops status` shows the delivery; once it is well, run the same command again",
            )

    def _stretch(self) -> None:
        """Bring some thousand users forward, and then the checkpoint."""
        progress = self.report.checkpoint.model_copy()
        candidates = self._read(progress)
        if candidates:
            self._work.pause(SETTLE_SECONDS)
            self._check_delivery()
            self._wait_for_rescue()
            waiting = self._users_in_queue()
            if self._work.stop():
                return
            kinds = self._activity.kinds([user_id_of(image) for image in candidates])
            chosen: list[Image] = []
            for image in candidates:
                user_id = user_id_of(image)
                if user_id in waiting:
                    progress.in_queue += 1
                elif kinds.get(user_id, set()) - {"UPDATED"}:
                    progress.with_history += 1
                else:
                    chosen.append(before_changes(image, self._activity.history(user_id) if user_id in kinds else ()))
            try:
                whole = self._deliver(chosen, progress)
            except OpsError:
                self._keep_counts(progress)
                raise
            if not whole:
                self._keep_counts(progress)
                return
        self.report.checkpoint = progress
        self.report.finished = progress.after is None
        self._work.meter(progress.scanned, progress.scanned)
        if self._send:
            write_checkpoint(self._path, progress)

    def _keep_counts(self, progress: Checkpoint) -> None:
        """Count what was sent of a stretch that comes again: the next time it has its place in the history already."""
        sent = {"backfilled": progress.backfilled, "set_aside": progress.set_aside}
        self.report.checkpoint = self.report.checkpoint.model_copy(update=sent)
        if self._send:
            write_checkpoint(self._path, self.report.checkpoint)

    def _read(self, progress: Checkpoint) -> list[Image]:
        """Read on in the table; return those who may be from before the stream."""
        candidates: list[Image] = []
        for _ in range(PAGES_PER_STRETCH):
            page = self._users.page(progress.after)
            older = [image for image in page.users if not created_since(image, self._began_at)]
            candidates += older
            progress.scanned += len(page.users)
            progress.in_stream += len(page.users) - len(older)
            progress.after = page.next_after
            if progress.after is None or len(candidates) >= USERS_PER_STRETCH:
                break
        return candidates

    def _wait_for_rescue(self) -> None:
        """Wait until no pointer is on its way to the dead-letter queue.

        Raises:
            OpsError: Pointers stay where they are.
        """
        queue = self._services.failures()
        for _ in range(POINTER_WAIT_SECONDS):
            if self._work.stop() or not queue.depth().total:
                return
            self._work.pause(1)
        raise OpsError(
            f"{queue.name} holds pointers that the rescue doesn't take: whose changes they are isn't known",
            "`python -m ops status`; once the queue is empty, run the same command again",
        )

    def _users_in_queue(self) -> frozenset[str]:
        """Return the users with a change in the dead-letter queue.

        Raises:
            OpsError: It holds more than one can look through.
        """
        queue = self._services.dead_letters()
        if not queue.depth().total:
            return frozenset()
        with Look(queue, self._work.stop, now=self._work.now) as look:
            users = frozenset(letter.user_id for letter in map(read_dead_letter, look.messages()) if letter.user_id)
            hidden = max(0, queue.depth().in_flight - look.held())
        if not self._work.stop() and (hidden or not look.complete):
            raise OpsError(
                f"{queue.name} can't be looked through: {hidden or 'too many'} messages out of sight",
                "what somebody else holds, or a command that was killed did, shows up again within 15 minutes; "
                "`dlq replay --all` then, and run the same command again",
            )
        return users

    def _deliver(self, images: Sequence[Image], progress: Checkpoint) -> bool:
        """Send the users' records; say whether all have been tried.

        Raises:
            OpsError: The function or the table is out of reach.
        """
        region = self._services.outputs.region
        for start in range(0, len(images), self._batch_size):
            part = images[start : start + self._batch_size]
            batch = [backfill_change(image, self._stream_arn, region) for image in part]
            if not self._send:
                progress.backfilled += len(batch)
                continue
            begun = self._work.now()
            if self._work.stop() or not self._deliver_batch(batch, progress):
                return False
            self._work.pause(len(batch) / self._rate - (self._work.now() - begun))
        return True

    def _deliver_batch(self, batch: Sequence[ReplayableChange], progress: Checkpoint) -> bool:
        delivery = self._redelivery.deliver(batch)
        for position, result in delivery.results.items():
            if result.outcome is Outcome.REPLAYED:
                progress.backfilled += 1
            elif result.outcome is Outcome.REFUSED:
                progress.set_aside += 1
            else:
                progress.failed += 1
                if len(self.report.failures) < FAILURES_SHOWN:
                    self.report.failures.append((batch[position].user_id, result.detail or ""))
        self._work.meter(progress.backfilled, progress.scanned)
        if delivery.error:
            raise delivery.error
        return len(delivery.results) == len(batch)
