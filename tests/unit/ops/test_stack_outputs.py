import json
from pathlib import Path

import pytest

from local.state import DIRECTORY_VARIABLE
from ops.errors import LocalStackDownError, NotFoundError, OpsError, PulumiError, WrongUsageError
from ops.stack_outputs import read_stack
from tests.support.ops.ops_in_memory import OUTPUTS


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder in which commands are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install_pulumi(folder: Path, script: str) -> None:
    command = folder / "pulumi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


def refused(stack: str | None, outputs: Path | None = None) -> OpsError:
    with pytest.raises(OpsError) as refusal:
        read_stack(stack, outputs)
    return refusal.value


def test_the_cli_is_asked_for_the_stack_by_name(on_path: Path) -> None:
    printed = OUTPUTS.model_dump_json(by_alias=True)
    install_pulumi(on_path, f"[ \"$*\" = 'stack output --json --stack dev' ] && echo '{printed}'")

    found = read_stack("dev", None)

    assert (found.outputs, found.client_options, found.source) == (OUTPUTS, {}, "--stack dev")


def test_a_missing_cli_is_reported(on_path: Path) -> None:
    error = refused("dev")

    assert list(on_path.iterdir()) == []
    assert isinstance(error, PulumiError)
    assert error.next_step is not None
    assert "pulumi stack output --json --stack dev > outputs.json" in error.next_step


def test_a_stack_that_the_cli_does_not_know_is_not_found(on_path: Path) -> None:
    install_pulumi(on_path, "echo \"error: no stack named 'qa' found\" >&2; exit 255")

    error = refused("qa")

    assert isinstance(error, NotFoundError)
    assert error.next_step == "`pulumi stack ls` lists the stacks"


def test_a_failing_cli_is_reported(on_path: Path) -> None:
    install_pulumi(on_path, "echo 'error: PULUMI_ACCESS_TOKEN must be set' >&2; exit 255")

    error = refused("dev")

    assert isinstance(error, PulumiError)
    assert "PULUMI_ACCESS_TOKEN must be set" in error.message


def test_a_stack_that_was_never_deployed_is_not_found(on_path: Path) -> None:
    install_pulumi(on_path, "echo '{}'")

    error = refused("dev")

    assert isinstance(error, NotFoundError)
    assert "pulumi up" in (error.next_step or "")


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "outputs.json"
    path.write_text(OUTPUTS.model_dump_json(by_alias=True))

    assert read_stack(None, path).outputs == OUTPUTS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Current stack outputs (16):", "isn't JSON"),
        ("[]", "doesn't hold this project's outputs"),
        (json.dumps({"apiUrl": "https://x"}), "environment: Field required"),
        (json.dumps({**OUTPUTS.model_dump(by_alias=True), "bucket": "x"}), "bucket: Extra inputs are not permitted"),
        ("\ufffe\ud800".encode("utf-16", "surrogatepass").hex(), "isn't JSON"),
    ],
)
def test_a_file_with_other_content_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "outputs.json"
    path.write_text(text)

    error = refused(None, path)

    assert isinstance(error, WrongUsageError)
    assert said in error.message
    assert error.next_step


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")

    for path in (tmp_path / "missing.json", tmp_path, binary):
        assert isinstance(refused(None, path), WrongUsageError)


def test_a_stack_must_be_named_and_only_once(tmp_path: Path) -> None:
    assert isinstance(refused(None), WrongUsageError)
    assert isinstance(refused("dev", tmp_path / "outputs.json"), WrongUsageError)


def test_a_local_stack_that_is_down_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path))

    error = refused("local")

    assert isinstance(error, LocalStackDownError)
    assert error.message == "the local stack is not running"
    assert error.next_step == "Start it with: make up"
