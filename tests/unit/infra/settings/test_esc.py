"""A stack's file that imports environments of Pulumi ESC, with a script in the CLI's place."""

import json
from pathlib import Path

import pytest

from infra.settings.stack_file import StackFileError, stack_file_config
from ops.commands.capacity import settings_of
from ops.errors import WrongUsageError

SECRET = {"secret": True}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that has one value itself."""
    path = tmp_path / "Pulumi.qa.yaml"
    path.write_text("environment:\n  - acme/userstream-qa\nconfig:\n  userstream:streamBatchSize: 10\n")
    return path


def printed(config: dict[str, str]) -> str:
    """Return what `pulumi config --json` prints of a configuration and a secret."""
    values = {key: {"value": value, "secret": False} for key, value in config.items()}
    return json.dumps({**values, "userstream:password": SECRET, "aws:profile": {"value": "[secret]", "secret": True}})


def cli(folder: Path, script: str) -> None:
    """Put a script in the place of the CLI."""
    folder.mkdir(exist_ok=True)
    (folder / "pulumi").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "pulumi").chmod(0o755)


def test_the_cli_is_asked_for_what_it_merges(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "printed").write_text(printed({"aws:region": "eu-west-1", "userstream:tags": '{"a":"b"}'}))
    cli(tmp_path / "bin", f'[ "$*" = "config --json --open --stack qa --non-interactive" ] && cat {tmp_path}/printed')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")

    assert stack_file_config("qa", file.parent) == {"aws:region": "eu-west-1", "userstream:tags": '{"a":"b"}'}


def test_a_file_beside_it_has_what_the_cli_printed_elsewhere(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    merged = stack_file_config("prod") | {"userstream:streamBatchSize": "10"}
    (tmp_path / "Pulumi.qa.esc.json").write_text(printed(merged))

    assert stack_file_config("qa", file.parent) == merged
    assert settings_of("qa", file.parent).stream_batch_size == 10


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'error: PULUMI_ACCESS_TOKEN must be set' >&2; exit 255", "PULUMI_ACCESS_TOKEN must be set"),
        ("echo hello", "is not what `pulumi config --json --open --stack qa` prints"),
        ("echo '{\"userstream:a\": 5}'", "is not what `pulumi config --json --open --stack qa` prints"),
    ],
)
def test_without_the_values_the_error_says_where_they_are_and_what_to_type(
    script: str, words: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli(tmp_path / "bin", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")

    with pytest.raises(WrongUsageError) as refused:
        settings_of("qa", file.parent)

    assert words in str(refused.value)
    assert "Pulumi.qa.yaml imports values from Pulumi ESC (environment: [" in str(refused.value)


def test_a_refusal_says_how_to_hand_the_values_over(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli(tmp_path / "bin", "exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")

    with pytest.raises(StackFileError, match=r"pulumi config --json --open --stack qa > Pulumi\.qa\.esc\.json"):
        stack_file_config("qa", file.parent)
