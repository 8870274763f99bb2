"""A record of an erased person that arrives later brings no value back, whatever way it comes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from functions.activity.items import WriteOutcome
from functions.consumers.message import ChangeMessage
from functions.consumers.stream_batch import StreamBatch
from functions.dead_letters.envelope import StreamPointer
from functions.dead_letters.erased_users import WithoutErasedUsers
from functions.fan_out_user_changes.activity_record import read_activity_record
from functions.rescue_failed_batches.rescue import Rescue
from functions.runtime.json_log import Json, JsonObject
from ops.dead_letters.export import export_messages, restore
from ops.dead_letters.selection import Selection
from ops.job import Job
from ops.person.erase import Erasure
from ops.users.backfill import Backfill
from tests.properties.test_person_erasure import held_by
from tests.support.ops.functions_in_memory import DeadLetterSenderInMemory
from tests.support.ops.ops_in_memory import StackInMemory, StreamsInMemory
from tests.support.ops.planted_data import PlantedData, marks_in
from tests.support.ops.replaying import replay
from tests.support.records.consumer_messages import activity_record
from tests.support.records.record_processing_fakes import FUNCTION_ARN, LogInMemory, ManualClock, Processing

PERSON = "eve"
PEOPLE = (PERSON, "adam")


class _Reader:
    """A `RecordReader` of the streams in memory."""

    def __init__(self, streams: StreamsInMemory) -> None:
        self._streams = streams

    def pages(self, pointer: StreamPointer) -> Iterator[list[Json]]:
        yield self._streams.records(pointer)


class LateRecords:
    """Ways on which a record comes to a stack in memory."""

    def __init__(self, folder: Path) -> None:
        self.stack = StackInMemory()
        self.planted = PlantedData(self.stack)
        self._folder = folder
        self.sender = WithoutErasedUsers(DeadLetterSenderInMemory(self.stack.queue), self.stack.table.read)
        self.ways: dict[str, Callable[[str], None]] = {
            "stream": lambda user_id: self._stream(self.planted.record(user_id)),
            "stream, unprocessable": lambda user_id: self._stream(self._unprocessable(user_id)),
            "Activity's stream, unprocessable": self._fan_out,
            "pointer": self._rescue,
            "replay": self._replay,
            "restored export": self._restore,
        }

    @property
    def job(self) -> Job:
        return Job(now=self.stack.clock.now, sleep=self.stack.clock.pass_by)

    def _stream(self, record: JsonObject) -> None:
        processing = Processing(self.stack.table, DeadLetterSenderInMemory(self.stack.queue))  # pyright: ignore[reportArgumentType]
        assert processing.process([record]).stopped_at is None
        assert not marks_in([fields for message, fields in processing.log.events if "ERASED" in message])

    def _unprocessable(self, user_id: str) -> JsonObject:
        record = self.planted.record(user_id)
        record["dynamodb"]["NewImage"]["schemaVersion"] = {"N": "2"}
        return record

    def _fan_out(self, user_id: str) -> None:
        record = activity_record(self.planted.record(user_id))
        record["dynamodb"]["NewImage"]["occurredAt"] = {"N": "1"}
        outcome = StreamBatch[ChangeMessage](
            read=read_activity_record,
            write=lambda changes: WriteOutcome(len(changes), {}, None),
            log_written=lambda _: None,
            dead_letters=self.sender,
            log=LogInMemory(),
            source_function=FUNCTION_ARN.replace("LogUser", "FanOutUser"),
            table="Activity-test",
            now=self.stack.clock.now,
        ).process([record])
        assert outcome.stopped_at is None

    def _rescue(self, user_id: str) -> None:
        self.planted.point_to(user_id)
        queue, reader = self.stack.failures, _Reader(self.stack.stream)
        for message in queue.receive(30):
            rescue = Rescue(
                reader,
                self.sender,
                LogInMemory(),
                ManualClock(),
                own_function=FUNCTION_ARN,
                tables=["Users-test"],
            )
            assert rescue.rescue_all([{"messageId": message.message_id, "body": message.body}]) == []
            queue.delete([message.receipt])

    def _replay(self, user_id: str) -> None:
        self.stack.fail(self.planted.record(user_id))
        replay(self.stack, self._folder / "replay.sqlite", Selection.matching((), "log-user-changes"))

    def _restore(self, user_id: str) -> None:
        self.stack.fail(self.planted.record(user_id))
        exported = self._folder / "export.jsonl"
        exported.unlink(missing_ok=True)
        export_messages(self.stack, exported, self.job, remove=True)
        restore(self.stack, exported, self.job)


WAYS = sorted(LateRecords(Path()).ways)


@given(records=st.lists(st.tuples(st.sampled_from(WAYS), st.sampled_from(PEOPLE)), max_size=12))
def test_a_late_record_brings_no_value_back_and_others_are_kept(records: list[tuple[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        late = LateRecords(Path(folder))
        late.planted.log_change(PERSON)
        assert Erasure(late.stack, PERSON, late.job).run().complete

        for way, user_id in records:
            late.ways[way](user_id)

        held = marks_in(held_by(late.stack))
        assert not held & late.planted.of[PERSON]
        assert late.planted.of.get("adam", set()) <= held


def test_a_user_who_came_back_with_a_restored_table_gets_no_history() -> None:
    with TemporaryDirectory() as folder:
        late = LateRecords(Path(folder))
        late.planted.log_change(PERSON)
        assert Erasure(late.stack, PERSON, late.job).run().complete
        late.planted.store_user(PERSON)
        late.planted.store_user("adam")

        Backfill(late.stack, Path(folder) / "checkpoint.json", late.job, users_per_second=1e9, send=True).run()

        held = marks_in([*late.stack.table.items.values()])
        assert not held & late.planted.of[PERSON]
        assert late.planted.of["adam"] <= held
        assert Erasure(late.stack, PERSON, late.job).run().complete
        assert not marks_in(held_by(late.stack)) & late.planted.of[PERSON]
