"""What the poller says of its mappings, in a file."""

from pathlib import Path

import pytest

from local.event_source_mappings.status import MappingStatus, forget_mappings, read_mappings, write_mappings

STATUS = MappingStatus(
    uuid="u", source_arn="arn:aws:sqs:us-east-1:000000000000:q", function_name="f", state="delivering", counts={}
)


def test_states_are_read_as_they_were_written_until_they_are_forgotten(tmp_path: Path) -> None:
    assert read_mappings(tmp_path) == []
    write_mappings(tmp_path, [STATUS])
    assert read_mappings(tmp_path) == [STATUS]
    forget_mappings(tmp_path)
    assert read_mappings(tmp_path) == []


def test_a_file_of_another_version_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "mappings.json").write_text('[{"uuid": "u"}]')
    assert read_mappings(tmp_path) == []


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:sqs:us-east-1:000000000000:q.fifo", "q.fifo"),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/Users/stream/2026-11-24T00:00:00.000", "Users's stream"),
        ("arn:aws:kinesis:us-east-1:000000000000:stream/clicks", "stream/clicks"),
        ("", ""),
    ],
)
def test_a_source_is_named_in_short(arn: str, name: str) -> None:
    assert STATUS.model_copy(update={"source_arn": arn}).source_name == name
