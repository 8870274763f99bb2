"""One long work over a made-up stack of any size, in a process of its own: prints its peak memory.

    python -m benchmarks.scenarios.growing_work replay 100000

The wires end in this process, and what lies behind them is made when it is read and forgotten when it is written: what
grows with the size is the work's own memory.
"""

import itertools
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typing_extensions import override

from benchmarks.harness.own_memory import peak_mib
from functions.dead_letters.envelope import FailedRecord, SendOutcome, StreamPointer
from functions.rescue_failed_batches.rescue import Rescue
from functions.runtime.json_log import Json, JsonObject
from ops.aws.function import InvocationResult
from ops.aws.sqs import Message, QueueDepth
from ops.aws.tables import ActivityKey, UsersPage
from ops.dead_letters.replay import Replay
from ops.dead_letters.replay_db import ReplayDb
from ops.dead_letters.selection import Selection
from ops.job import Job
from ops.users.backfill import Backfill
from tests.support.ops.ops_in_memory import ActivityReaderInMemory, StackInMemory, UsersInMemory, activity_key, envelope
from tests.support.records.record_processing_fakes import ManualClock
from tests.support.records.record_strategies import STREAM_ARN, stream_record

RECORDS_PER_BATCH = 100
USERS_PER_PAGE = 1_000
MESSAGES_PER_CALL = 10


def record(number: int) -> JsonObject:
    """An INSERT of some 500 bytes."""
    user = f"user-{number % 1000}"
    image = {"userId": {"S": user}, "name": {"S": "A Name"}, "email": {"S": f"{number}@example.com"}}
    return stream_record("INSERT", number, user, None, image)


class MadeUpQueue:
    """A dead-letter queue of so many messages, each made when it is received."""

    name = "made-up"

    def __init__(self, length: int) -> None:
        self._left = iter(range(length))
        self.left = length

    def receive(self, visibility_timeout: int) -> Sequence[Message]:
        """Give the next messages; nobody else wants them, so they needn't hide."""
        del visibility_timeout
        return [
            Message(
                message_id=f"{number}",
                receipt=f"receipt {number}",
                body=envelope(record(number)).to_json(),
                sent_at=0.0,
                receive_count=1,
            )
            for number in itertools.islice(self._left, MESSAGES_PER_CALL)
        ]

    def release(self, receipts: Sequence[str]) -> None:
        """Is never needed: every record is good."""
        if receipts:
            raise AssertionError(f"{len(receipts)} messages were given back")

    def change_visibility(self, receipts: Sequence[str], visibility_timeout: int) -> frozenset[str]:
        """Nothing shows a message again."""
        del receipts, visibility_timeout
        return frozenset()

    def delete(self, receipts: Sequence[str]) -> frozenset[str]:
        """Remove all of them."""
        self.left -= len(receipts)
        return frozenset()

    def depth(self) -> QueueDepth:
        """Nothing for others to see."""
        return QueueDepth(0, 0, 0)


class LastBatch(ActivityReaderInMemory):
    """The function and the Activity table in one, which remembers the last batch alone."""

    def __init__(self, stack: StackInMemory) -> None:
        super().__init__(stack.table, stack.life)
        self._items: dict[ActivityKey, str] = {}

    def invoke(self, records: Sequence[JsonObject]) -> InvocationResult:
        """Process the records."""
        self._items = {activity_key(each): each["eventID"] for each in records}
        return InvocationResult()

    @override
    def event_ids(self, keys: Sequence[ActivityKey]) -> Mapping[ActivityKey, str]:
        return self._items


class MadeUpUsers(UsersInMemory):
    """A table of so many users from before the stream, each made when it is read."""

    def __init__(self, stack: StackInMemory, length: int) -> None:
        super().__init__(stack.life)
        self._length = length

    @override
    def page(self, after: str | None) -> UsersPage:
        start = 0 if after is None else int(after) + 1
        page = range(start, min(start + USERS_PER_PAGE, self._length))
        users = [record(number)["dynamodb"]["NewImage"] | {"userId": {"S": f"{number}"}} for number in page]
        return UsersPage(users, f"{page[-1]}" if page[-1] + 1 < self._length else None)


@dataclass
class MadeUpStack(StackInMemory):
    """A stack with these in the places of the real ones."""

    length: int
    queue_of_length: MadeUpQueue = field(init=False)
    last_batch: LastBatch = field(init=False)

    def __post_init__(self) -> None:
        super().__init__(random.Random(0))  # noqa: S311  made-up data
        self.queue_of_length = MadeUpQueue(self.length)
        self.last_batch = LastBatch(self)

    @override
    def dead_letter_queue(self) -> Any:
        return self.queue_of_length

    @override
    def stream_function(self) -> Any:
        return self.last_batch

    @override
    def activity(self) -> LastBatch:
        return self.last_batch

    @override
    def users(self) -> UsersInMemory:
        return MadeUpUsers(self, self.length)

    def work(self) -> Job:
        """Work that nobody stops, on the stack's own clock."""
        return Job(now=self.clock.now, sleep=self.clock.pass_by)


def replay(length: int, folder: Path) -> int:
    """Bring all messages of the dead-letter queue back, in as many rounds as that takes; return how many."""
    stack = MadeUpStack(length)
    replayed = 0
    while stack.queue_of_length.left:
        replay_db = ReplayDb(folder / "replay.sqlite")
        try:
            report = Replay(stack, Selection(), replay_db, stack.work(), batch_size=RECORDS_PER_BATCH).run()
        finally:
            replay_db.close()
        if report.error is not None or not report.replayed:
            raise RuntimeError(f"the replay stopped at {replayed + report.replayed}: {report}")
        replayed += report.replayed
    return replayed


def backfill(length: int, folder: Path) -> int:
    """Give all users their place in the history; return how many."""
    stack = MadeUpStack(length)
    report = Backfill(stack, folder / "checkpoint.json", stack.work(), users_per_second=1e9).run()
    if report.error is not None:
        raise RuntimeError(f"the backfill stopped: {report.error}")
    return report.checkpoint.backfilled


class _MadeUpStream:
    """Gives the records that a pointer names, made when they are read."""

    def pages(self, pointer: StreamPointer) -> Iterator[list[Json]]:
        start = int(pointer.start_sequence_number) - _FIRST
        yield [record(start + offset) for offset in range(pointer.batch_size)]


class _CountingQueue:
    """A dead-letter queue that writes each envelope out, as it is sent, and keeps none."""

    def __init__(self) -> None:
        self.taken = 0

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        for each in failed_records:
            each.to_json()
            if each.kind != "exhausted":
                raise AssertionError(f"a record was not rescued whole: {each.reason}")
        self.taken += len(failed_records)
        return SendOutcome(len(failed_records), None)


def _say_nothing(level: str, message: str, **fields: object) -> None:
    """Take the place of a log."""


_FIRST = int(record(0)["dynamodb"]["SequenceNumber"])


def rescue(length: int, folder: Path) -> int:
    """Rescue the records of so many batches that the mapping gave up on; return how many."""
    del folder
    queue = _CountingQueue()
    for start in range(0, length, RECORDS_PER_BATCH):
        rescue_one = Rescue(_MadeUpStream(), queue, _say_nothing, ManualClock(), "arn:made-up")
        kept = rescue_one.rescue_all([{"messageId": f"{start}", "body": _pointer_document(start)}])
        if kept:
            raise RuntimeError(f"the batch at {start} was not rescued")
    return queue.taken


def _pointer_document(start: int) -> str:
    first, last = (record(number)["dynamodb"]["SequenceNumber"] for number in (start, start + RECORDS_PER_BATCH - 1))
    return json.dumps(
        {
            "requestContext": {
                "requestId": "made-up",
                "functionArn": "arn:aws:lambda:eu-west-1:000000000000:function:made-up",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 4,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": "2026-11-24T00:00:00.000Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001795478400000-0badcafe",
                "startSequenceNumber": first,
                "endSequenceNumber": last,
                "approximateArrivalOfFirstRecord": "2026-11-24T00:00:00Z",
                "approximateArrivalOfLastRecord": "2026-11-24T00:00:00Z",
                "batchSize": RECORDS_PER_BATCH,
                "streamArn": STREAM_ARN,
            },
        }
    )


WORKS: Mapping[str, Callable[[int, Path], int]] = {"rescue": rescue, "replay": replay, "backfill": backfill}


def main() -> None:
    """Do one work and print the peak of the process's memory in MiB."""
    name, length = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        done = WORKS[name](length, Path(folder))
    if done != length:
        raise RuntimeError(f"{name} did {done:,} of {length:,}")
    print(peak_mib())


if __name__ == "__main__":
    main()
