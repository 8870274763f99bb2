"""The checkpoint in a file that stays whole when a process crashes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.assumptions import Assumptions
from delivery.messages import Checkpoint, MalformedCheckpointError, ShardCheckpoint
from delivery.settings import MappingSettings
from delivery.shard import ShardDelivery
from local.event_source_mappings.checkpoint_file import AlreadyDeliveredError, CheckpointFile
from tests.support.delivery.stream_record_examples import WRITTEN_AT, example_records, sequence_number

SETTINGS = MappingSettings(
    uuid="u", stream_arn="stream/1", function_arn="arn:aws:lambda:us-east-1:123456789012:function:f"
)
CHECKPOINT = Checkpoint({"shardId-1": ShardCheckpoint("123"), "shardId-2": ShardCheckpoint(None, finished=True)})


@given(
    st.dictionaries(
        st.text(max_size=9),
        st.builds(ShardCheckpoint, st.none() | st.from_regex(r"[0-9]{21,40}", fullmatch=True), st.booleans()),
    )
)
def test_a_checkpoint_is_read_as_written(shards: dict[str, ShardCheckpoint]) -> None:
    assert Checkpoint.from_json(Checkpoint(shards).to_json()) == Checkpoint(shards)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 2, "shards": {}}',
        '{"version": 1}',
        '{"version": 1, "shards": {"s": {"sequenceNumber": "abc", "finished": false}}}',
        '{"version": 1, "shards": {"s": {"sequenceNumber": 5, "finished": false}}}',
        '{"version": 1, "shards": {"s": {"sequenceNumber": "5"}}}',
    ],
)
def test_a_text_that_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedCheckpointError):
        Checkpoint.from_json(text)


def test_a_file_returns_the_checkpoint_saved_last(tmp_path: Path) -> None:
    assert CheckpointFile(tmp_path, SETTINGS, Checkpoint).load() is None
    CheckpointFile(tmp_path, SETTINGS, Checkpoint).save(Checkpoint())
    CheckpointFile(tmp_path, SETTINGS, Checkpoint).save(CHECKPOINT)
    assert CheckpointFile(tmp_path, SETTINGS, Checkpoint).load() == CHECKPOINT


def test_a_file_left_by_a_crash_while_writing_is_not_read(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path, SETTINGS, Checkpoint)
    file.save(CHECKPOINT)
    file.path.with_suffix(".new").write_text('{"version"')
    assert file.load() == CHECKPOINT


def test_another_mapping_stream_or_function_has_another_file(tmp_path: Path) -> None:
    CheckpointFile(tmp_path, SETTINGS, Checkpoint).save(CHECKPOINT)
    # A new mapping replays the whole stream, as its starting position TRIM_HORIZON says.
    other_mapping = MappingSettings(uuid="v", stream_arn=SETTINGS.stream_arn, function_arn=SETTINGS.function_arn)
    other_stream = MappingSettings(uuid="u", stream_arn="stream/2", function_arn=SETTINGS.function_arn)
    other_function = MappingSettings(uuid="u", stream_arn=SETTINGS.stream_arn, function_arn=SETTINGS.function_arn + "2")
    assert CheckpointFile(tmp_path, other_mapping, Checkpoint).load() is None
    assert CheckpointFile(tmp_path, other_stream, Checkpoint).load() is None
    assert CheckpointFile(tmp_path, other_function, Checkpoint).load() is None


def test_the_error_about_a_malformed_file_names_it(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path, SETTINGS, Checkpoint)
    file.path.write_bytes(b"\xff")
    with pytest.raises(MalformedCheckpointError, match=file.path.name):
        file.load()


def test_only_one_process_can_claim_a_checkpoint(tmp_path: Path) -> None:
    first, second = CheckpointFile(tmp_path, SETTINGS, Checkpoint), CheckpointFile(tmp_path, SETTINGS, Checkpoint)
    with first.claim(), pytest.raises(AlreadyDeliveredError, match="End that one first"), second.claim():
        pass
    with second.claim():
        pass


@given(st.permutations(range(8)))
def test_the_checkpoint_covers_the_settled_beginning(order: list[int]) -> None:
    records = example_records(0, 7)
    shard = ShardDelivery(SETTINGS, Assumptions(), "start")
    shard.add(records, WRITTEN_AT)
    settled: set[int] = set()
    for number in order:
        settled.add(number)
        shard.settle_records([records[number]])
        beginning = next((n for n in range(8) if n not in settled), 8)
        assert shard.checkpoint == (sequence_number(beginning - 1) if beginning else "start")
        assert len(shard._read) == 8 - beginning  # pyright: ignore[reportPrivateUsage]  what is left to settle
