"""Peak memory of rescue, replay and backfill at growing sizes, each in a process of its own.

    python -m benchmarks.scenarios.growth replay 100000

That command does one of them and prints its peak memory. Services are replaced by objects that make
each record when it is read and discard it when it is written, so only the job's own memory can grow
with the size.
"""

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from benchmarks import events
from benchmarks.contestant import CONTEXT, peak_mib
from benchmarks.report import IMAGES, Measurement
from delivery.records import StreamRecord
from delivery.settings import MappingSettings
from functions.dead_letters.envelope import FailedRecord, SendOutcome, StreamPointer
from functions.rescue_failed_batches.rescue import Rescue
from functions.runtime.invocation import Clock
from functions.runtime.json_log import Json, JsonObject
from infra.consumers import log_user_changes
from infra.consumers.declaration import STREAM_VIEW_TYPES, Source
from infra.outputs import StackOutputs
from ops.aws.function import InvocationResult
from ops.aws.queues import Message, QueueDepth
from ops.aws.services import LocalPoller, Services
from ops.aws.streams import TableStream
from ops.aws.tables import ActivityKey, UsersPage
from ops.consumers import StackConsumer
from ops.dead_letters.record import ReplayableChange
from ops.dead_letters.replay import Replay
from ops.dead_letters.replay_db import ReplayDb
from ops.dead_letters.selection import Selection
from ops.job import Job
from ops.users.backfill import Backfill

SIZES = (10_000, 100_000, 1_000_000)
RECORDS_PER_BATCH = 100
USERS_PER_PAGE = 1_000
MESSAGES_PER_CALL = 10


def measure() -> list[Measurement]:
    """Return the peak at the largest size over that at the smallest."""
    from benchmarks import plots  # noqa: PLC0415  the measured processes must not load matplotlib

    # Several at a time, because no time is measured; the longest first.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        peak_of = {(name, size): pool.submit(_peak_mib, name, size) for size in reversed(SIZES) for name in JOBS}
    peaks = {name: {float(size): peak_of[name, size].result() for size in SIZES} for name in JOBS}
    plots.lines(
        IMAGES / "memory-growth.png",
        "Peak memory of a process that brings so many records through",
        ("records", "MiB at the peak"),
        peaks,
        ours="replay",
        logarithmic="x",
    )
    low, *_, high = SIZES
    return [
        Measurement(f"peak memory, {name} of {high:,}", f"of {low:,}", "at most", 1.2, [mib[high] / mib[low]])
        for name, mib in peaks.items()
    ]


def _peak_mib(name: str, size: int) -> float:
    command = [sys.executable, "-m", "benchmarks.scenarios.growth", name, f"{size}"]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


class _GeneratedQueue:
    """A dead-letter queue of so many messages, each made when it is received."""

    name = "generated"

    def __init__(self, length: int) -> None:
        self._numbers = iter(range(length))
        self.left = length

    def receive(self, _visibility_timeout: int) -> Sequence[Message]:
        return [
            Message(
                message_id=f"{number}",
                receipt=f"receipt {number}",
                body=events.failed_record(events.stream_record(number, "INSERT")).to_json(),
                sent_at=0.0,
                receive_count=1,
            )
            for number in itertools.islice(self._numbers, MESSAGES_PER_CALL)
        ]

    def release(self, receipts: Sequence[str]) -> None:
        if receipts:
            raise AssertionError(f"{len(receipts)} messages were released")

    def change_visibility(self, _receipts: Sequence[str], _timeout: int) -> frozenset[str]:
        return frozenset()

    def delete(self, receipts: Sequence[str]) -> frozenset[str]:
        self.left -= len(receipts)
        return frozenset()

    def depth(self) -> QueueDepth:
        return QueueDepth(0, 0, 0)


LOG_USER_CHANGES = StackConsumer(declaration=log_user_changes.CONSUMER, function_name=events.FUNCTION_ARN)


class _LastBatch:
    """The function and the Activity table in one, which keeps the last batch alone."""

    def __init__(self) -> None:
        self._event_ids: dict[ActivityKey, str] = {}

    def of(self, _consumer: StackConsumer) -> "_LastBatch":
        return self

    def invoke(self, records: Sequence[JsonObject]) -> InvocationResult:
        changes = (change for record in records if (change := ReplayableChange.of(record, log_user_changes.CONSUMER)))
        self._event_ids = {ActivityKey(change.user_id, change.change_id): change.event_id for change in changes}
        return InvocationResult()

    def event_ids(self, _keys: Sequence[ActivityKey]) -> Mapping[ActivityKey, str]:
        return self._event_ids

    def kinds(self, _user_ids: Sequence[str]) -> Mapping[str, set[str]]:
        return {}


def _nothing(*_: object, **__: object) -> None:
    pass


def _empty(*_: object) -> dict[str, Any]:
    return {}


def _generated_stack(queue: _GeneratedQueue, users: int) -> Any:
    """Return a stack with dead letters, and with users from before its stream."""

    def page(after: str | None) -> UsersPage:
        start = 0 if after is None else int(after) + 1
        numbers = range(start, min(start + USERS_PER_PAGE, users))
        images = [events.user_image(f"{number}", f"user-{number}") for number in numbers]
        return UsersPage(images, f"{numbers[-1]}" if numbers[-1] + 1 < users else None)

    last_batch = _LastBatch()
    names: dict[str, Any] = dict.fromkeys(StackOutputs.model_fields, "generated")
    names |= {"traffic_shift_percent": None, "traffic_shift_minutes": None}
    # The stream begins after the users were created.
    names["users_stream_arn"] = events.STREAM_ARN.replace("2026", "2027")
    names |= {"users_table_name": events.USERS_TABLE, "activity_table_name": events.ACTIVITY_TABLE}

    def stream_of(source: Source) -> TableStream:
        return TableStream("generated", names["users_stream_arn"], STREAM_VIEW_TYPES[source])

    def empty_queue_at(_url: str) -> _GeneratedQueue:
        return _GeneratedQueue(0)

    return SimpleNamespace(
        source="--stack generated",
        outputs=StackOutputs.model_construct(**names),
        stream_of=stream_of,
        dead_letter_queue=lambda: queue,
        envelopes=_nothing,
        failure_queue=lambda: _GeneratedQueue(0),
        redrive_queue=lambda: _GeneratedQueue(0),
        queue_at=empty_queue_at,
        stream_function=lambda: last_batch,
        consumers=lambda: [LOG_USER_CHANGES],
        consumer_function=last_batch.of,
        activity=lambda: last_batch,
        users=lambda: SimpleNamespace(page=page),
        monitoring=lambda: SimpleNamespace(mappings=_empty, metrics=_empty, alarms=_empty),
        read_local_poller=lambda: LocalPoller(pid=None, running=True),
    )


_JOB = Job(sleep=_nothing)


def replay_once(services: Services, directory: Path) -> int:
    """Replay the dead letters that one command can hold, without its pauses; return how many."""
    replay_db = ReplayDb(directory / "replay.sqlite")
    try:
        report = Replay(services, Selection(), replay_db, _JOB, batch_size=RECORDS_PER_BATCH).run()
    finally:
        replay_db.close()
    if report.error is not None or not report.replayed:
        raise RuntimeError(f"the replay stopped: {report}")
    return report.replayed


def backfill_all(services: Services, directory: Path) -> int:
    """Backfill the users without the command's pauses; return how many."""
    report = Backfill(services, directory / "checkpoint.json", _JOB, users_per_second=float("inf")).run()
    if report.error is not None:
        raise RuntimeError(f"the backfill stopped: {report.error}")
    return report.checkpoint.backfilled


def _replay(length: int, directory: Path) -> int:
    queue = _GeneratedQueue(length)
    stack = _generated_stack(queue, users=0)
    replayed = 0
    while queue.left:
        replayed += replay_once(stack, directory)
    return replayed


def _backfill(length: int, directory: Path) -> int:
    return backfill_all(_generated_stack(_GeneratedQueue(0), users=length), directory)


class _RescuedRecords:
    """A stream that makes a pointer's records when they are read, and a queue that counts them."""

    def __init__(self) -> None:
        self.sent = 0

    def pages(self, pointer: StreamPointer) -> Iterator[list[Json]]:
        start = int(pointer.start_sequence_number) - events.FIRST_SEQUENCE_NUMBER
        yield [events.stream_record(start + offset, "INSERT") for offset in range(pointer.batch_size)]

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        for failed in failed_records:
            failed.to_json()
            if failed.kind != "exhausted":
                raise AssertionError(f"a record was not rescued whole: {failed.reason}")
        self.sent += len(failed_records)
        return SendOutcome(len(failed_records), None)


def _rescue(length: int, _directory: Path) -> int:
    ports = _RescuedRecords()
    mapping = MappingSettings(uuid="generated", stream_arn=events.STREAM_ARN, function_arn=events.FUNCTION_ARN)
    for start in range(0, length, RECORDS_PER_BATCH):
        first = events.FIRST_SEQUENCE_NUMBER + start
        batch = [StreamRecord(str(first + offset), "", 0.0, b"") for offset in range(RECORDS_PER_BATCH)]
        pointer = events.pointer_document(batch, mapping)
        rescue = Rescue(
            ports,
            ports,
            _nothing,
            Clock(cast("Any", CONTEXT)),
            own_function=events.FUNCTION_ARN,
            tables=[events.USERS_TABLE],
        )
        if rescue.rescue_all([{"messageId": f"{start}", "body": pointer}]):
            raise RuntimeError(f"the batch at {start} was not rescued")
    return ports.sent


JOBS: Mapping[str, Callable[[int, Path], int]] = {"rescue": _rescue, "replay": _replay, "backfill": _backfill}
"""Each does so many records, and returns how many it did."""


def main() -> None:
    """Do one job and print the peak memory of the process in MiB."""
    name, length = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        done = JOBS[name](length, Path(folder))
    if done != length:
        raise RuntimeError(f"{name} did {done:,} of {length:,}")
    print(peak_mib())


if __name__ == "__main__":
    main()
