"""The loop that carries out a delivery's actions ends when told, and hides no error."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.assumptions import Assumptions
from delivery.decisions import DiscardedBatch, FunctionFailed, FunctionReturned, InvocationOutcome
from delivery.delivery import Delivery
from delivery.messages import Checkpoint, PageRead, ReadShard, SendAttempted, Shard, ShardCheckpoint, ShardsListed
from delivery.records import Batch, Invocation
from delivery.settings import MappingSettings
from local.event_source_mappings.checkpoint_file import CheckpointFile
from local.event_source_mappings.poller import Poller
from local.event_source_mappings.stream_ports import StreamPorts
from tests.support.delivery.stream_record_examples import example_record, numbers_of, sequence_number
from tests.support.records.record_processing_fakes import LogInMemory

SUCCESS = FunctionReturned(b"null", Invocation(request_id="r"))
FAILURE = FunctionFailed(Invocation(request_id="r", function_error="Unhandled"))


class FewRecords:
    """A stream of one shard with three records."""

    def __init__(self) -> None:
        now = time.time()
        self.records = [example_record(number, written_at=now) for number in (1, 2, 3)]

    def list_shards(self) -> ShardsListed:
        return ShardsListed([Shard("s-1")])

    def read(self, wanted: ReadShard) -> PageRead:
        behind = 0 if wanted.after is None else int(wanted.after)
        records = [record for record in self.records if int(record.sequence_number) > behind]
        return PageRead(wanted.shard_id, records)


class Calls:
    """A function that notes its batches."""

    def __init__(self, invoke: Callable[[], InvocationOutcome]) -> None:
        self.batches: list[list[int]] = []
        self.begun = threading.Event()
        self._invoke = invoke

    def invoke(self, batch: Batch) -> InvocationOutcome:
        self.batches.append(numbers_of(batch.records))
        self.begun.set()
        return self._invoke()


class Documents:
    """An on-failure destination."""

    def __init__(self) -> None:
        self.discards: list[DiscardedBatch] = []
        self.sent = threading.Event()

    def send(self, shard_id: str, discard: DiscardedBatch) -> SendAttempted:
        assert shard_id == "s-1"
        self.discards.append(discard)
        self.sent.set()
        return SendAttempted("delivered")


SETTINGS = MappingSettings(
    uuid="u",
    stream_arn="stream",
    function_arn="arn:aws:lambda:eu-west-1:000000000000:function:f",
    maximum_retry_attempts=0,
    destination_arn="arn:aws:sqs:eu-west-1:000000000000:q",
)


class Running:
    """A poller in its own thread."""

    def __init__(self, directory: Path, invoke: Callable[[], InvocationOutcome]) -> None:
        self.calls = Calls(invoke)
        self.documents = Documents()
        self.store = CheckpointFile(directory, SETTINGS, Checkpoint)
        self.log = LogInMemory()
        reader = FewRecords()
        ports = StreamPorts(
            list_shards=reader.list_shards,
            read=reader.read,
            invoke=self.calls.invoke,
            send_document=self.documents.send,
            save=self.store.save,
            log=self.log,
        )
        self.poller = Poller(Delivery(SETTINGS, Assumptions(polls_per_second=100), self.store.load()), ports, self.log)

    def start(self, grace_seconds: float) -> threading.Thread:
        thread = threading.Thread(target=self.poller.run, args=(grace_seconds,))
        thread.start()
        return thread


def test_records_are_delivered_and_the_checkpoint_is_saved(tmp_path: Path) -> None:
    running = Running(tmp_path, lambda: SUCCESS)
    thread = running.start(grace_seconds=5)
    assert running.calls.begun.wait(10)
    running.poller.end()
    thread.join(10)
    assert running.calls.batches == [[1, 2, 3]]
    assert running.store.load() == Checkpoint({"s-1": ShardCheckpoint(sequence_number(3))})
    assert "BATCH DELIVERED:" in running.log.messages()


def test_a_failure_document_is_sent(tmp_path: Path) -> None:
    running = Running(tmp_path, lambda: FAILURE)
    thread = running.start(grace_seconds=5)
    assert running.documents.sent.wait(10)
    running.poller.end()
    thread.join(10)
    assert [numbers_of(discard.records) for discard in running.documents.discards] == [[1, 2, 3]]


def test_an_invocation_in_flight_is_waited_for_at_the_end(tmp_path: Path) -> None:
    answer = threading.Event()
    running = Running(tmp_path, lambda: SUCCESS if answer.wait(10) else FAILURE)
    thread = running.start(grace_seconds=10)
    assert running.calls.begun.wait(10)
    running.poller.end()
    answer.set()
    thread.join(10)
    assert running.store.load() == Checkpoint({"s-1": ShardCheckpoint(sequence_number(3))})


def test_an_invocation_in_flight_is_waited_for_only_during_the_grace_time(tmp_path: Path) -> None:
    answer = threading.Event()
    running = Running(tmp_path, lambda: SUCCESS if answer.wait(60) else FAILURE)
    thread = running.start(grace_seconds=0.05)
    assert running.calls.begun.wait(10)
    running.poller.end()
    thread.join(10)
    assert not thread.is_alive()
    assert running.store.load() is None
    answer.set()


def test_a_clock_that_is_set_back_ends_the_run_instead_of_stopping_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(tmp_path, lambda: SUCCESS)
    thread = running.start(grace_seconds=5)
    assert running.calls.begun.wait(10)

    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() - 3600)
    thread.join(10)
    ended = not thread.is_alive()
    running.poller.end()

    assert ended
    assert "CLOCK SET BACK:" in running.log.messages()
    assert running.store.load() == Checkpoint({"s-1": ShardCheckpoint(sequence_number(3))})


def test_an_unhandled_error_of_an_action_ends_the_poller(tmp_path: Path) -> None:
    def fail() -> InvocationOutcome:
        raise ZeroDivisionError

    running = Running(tmp_path, fail)
    with pytest.raises(ZeroDivisionError):
        running.poller.run(grace_seconds=0)
