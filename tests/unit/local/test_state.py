import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.naming import PROJECT_ROOT
from infra.outputs import StackOutputs
from local.state import (
    LocalStack,
    LocalStackError,
    LocalStackNotRunningError,
    LocalStackRunningError,
    claim_directory,
    claimed_by,
    functions_of,
    read_local_stack,
    state_directory,
    write_atomically,
    write_end_reason,
    write_local_stack,
)

OUTPUTS = StackOutputs.model_validate(
    {field.alias: "x" for field in StackOutputs.model_fields.values()}
    | {"apiUrl": "http://127.0.0.1:1/api", "trafficShiftPercent": None, "trafficShiftMinutes": None}
)
STACK = LocalStack(
    pid=os.getpid(),
    emulator_pid=1,
    poller_pid=None,
    port=4566,
    endpoint_url="http://127.0.0.1:4566",
    region="us-east-1",
    access_key_id="test",
    secret_access_key="test",
    started_at=datetime(2026, 11, 24, tzinfo=UTC),
    outputs=OUTPUTS,
)


def test_a_running_stack_is_read_as_it_was_written(tmp_path: Path) -> None:
    with claim_directory(tmp_path):
        write_local_stack(tmp_path, STACK)
        assert read_local_stack(tmp_path) == STACK
        assert claimed_by(tmp_path) == os.getpid()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    directory = tmp_path / "file" / "state"

    refused = pytest.raises(LocalStackError, match=rf"kept in {directory} \(Not a directory: .*--state-dir")
    with refused, claim_directory(directory):
        pass
    with pytest.raises(LocalStackNotRunningError, match="make up"):
        read_local_stack(directory)


def test_nobody_else_can_open_a_file_of_the_state_or_its_folder(tmp_path: Path) -> None:
    """Nor the lock that an earlier version left open to all: who can open one can lock it."""
    directory = tmp_path / "state"
    before = os.umask(0)
    try:
        with claim_directory(directory):
            write_local_stack(directory, STACK)
            write_end_reason(directory, "it crashed")
        assert directory.stat().st_mode & 0o077 == 0
        (directory / "lock").chmod(0o666)
        with claim_directory(directory):
            assert [file for file in directory.iterdir() if file.stat().st_mode & 0o077] == []
    finally:
        os.umask(before)


def test_a_claimed_directory_is_not_claimed_twice(tmp_path: Path) -> None:
    refused = pytest.raises(LocalStackRunningError, match=str(os.getpid()))
    with claim_directory(tmp_path), refused, claim_directory(tmp_path):
        pass
    with claim_directory(tmp_path):
        pass


def test_a_stack_that_is_not_ready_is_not_running_yet(tmp_path: Path) -> None:
    with claim_directory(tmp_path), pytest.raises(LocalStackNotRunningError, match="starting"):
        read_local_stack(tmp_path)


def test_files_left_by_a_crash_are_not_a_running_stack(tmp_path: Path) -> None:
    write_local_stack(tmp_path, STACK)
    (tmp_path / "lock").write_text("17\n")
    with pytest.raises(LocalStackNotRunningError, match="make up"):
        read_local_stack(tmp_path)
    assert claimed_by(tmp_path) is None


def test_the_reason_of_an_end_is_shown_until_the_next_start(tmp_path: Path) -> None:
    write_end_reason(tmp_path, "the emulator died")
    with pytest.raises(LocalStackNotRunningError, match=r"not running: the emulator died\. Start it with: make up"):
        read_local_stack(tmp_path)
    with claim_directory(tmp_path):
        pass
    with pytest.raises(LocalStackNotRunningError, match=r"not running\. Start"):
        read_local_stack(tmp_path)


def test_state_written_by_another_version_is_reported(tmp_path: Path) -> None:
    with claim_directory(tmp_path):
        (tmp_path / "state.json").write_text('{"pid": 1}')
        with pytest.raises(LocalStackNotRunningError, match="another version"):
            read_local_stack(tmp_path)


def test_the_directory_is_the_given_one_or_the_environments_or_the_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USERSTREAM_LOCAL_DIR", str(tmp_path / "environment"))
    assert state_directory(tmp_path / "named") == tmp_path / "named"
    assert state_directory() == tmp_path / "environment"
    monkeypatch.delenv("USERSTREAM_LOCAL_DIR")
    assert state_directory().name == ".local"


def test_a_reader_finds_the_old_text_or_the_new_one_and_never_a_part(tmp_path: Path) -> None:
    file, texts = tmp_path / "file", ["a" * 100_000, "b" * 50_000]
    write_atomically(file, texts[0])
    done = threading.Event()

    def write() -> None:
        for number in range(50):
            write_atomically(file, texts[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert file.read_text() in texts
    writer.join()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_every_function_of_the_outputs_is_named_after_its_folder() -> None:
    functions = functions_of(OUTPUTS)
    assert functions.keys() >= {"register-user", "manage-users", "log-user-changes", "rescue-failed-batches"}
    for name in functions:
        assert (PROJECT_ROOT / "functions" / name.replace("-", "_") / "handler.py").exists()


def test_a_function_that_is_switched_off_is_not_listed() -> None:
    outputs = OUTPUTS.model_copy(update={"rescue_failed_batches_function_name": None})
    assert "rescue-failed-batches" not in functions_of(outputs)
