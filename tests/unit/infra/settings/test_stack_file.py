from pathlib import Path

import pytest
from pulumi.runtime import set_all_config

from infra.settings.running_config import running_config
from infra.settings.stack_file import StackFileError, stack_file_config


def test_a_stack_s_file_is_read_as_the_cli_passes_it(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  aws:region: eu-west-1\n  userstream:a: true\n  userstream:b: 5\n"
        "  userstream:c: [x, y]\n  userstream:d: {k: v}\n  userstream:e: 'text'\n",
        encoding="utf-8",
    )

    assert stack_file_config("dev", tmp_path) == {
        "aws:region": "eu-west-1",
        "userstream:a": "true",
        "userstream:b": "5",
        "userstream:c": '["x", "y"]',
        "userstream:d": '{"k": "v"}',
        "userstream:e": "text",
    }


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("1:40", "1:40"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("12:30:45", "12:30:45"),
        ("-5", "-5"),
        ("1.5", "1.5"),
        ("010", "010"),
        ("09", "09"),
        ("TRUE", "true"),
        ("", "null"),
        ("!!binary aGk=", "\"b'hi'\""),
    ],
)
def test_a_value_is_read_as_it_is_written(written: str, read: str, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  userstream:a: {written}\n", encoding="utf-8")

    assert stack_file_config("dev", tmp_path) == {"userstream:a": read}


def test_a_key_that_is_a_number_is_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  5: x\n", encoding="utf-8")

    assert stack_file_config("dev", tmp_path) == {"userstream:5": "x"}


def test_a_key_without_a_namespace_is_the_project_s_as_for_the_cli(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text("config:\n  streamBatchSize: 5\n", encoding="utf-8")
    assert stack_file_config("dev", tmp_path) == {"userstream:streamBatchSize": "5"}

    path.write_text("config:\n  streamBatchSize: 5\n  userstream:streamBatchSize: 6\n", encoding="utf-8")
    with pytest.raises(StackFileError, match="userstream:streamBatchSize twice"):
        stack_file_config("dev", tmp_path)


def test_a_setting_that_is_set_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  userstream:a: 1\n  userstream:a: 2\n", encoding="utf-8")

    with pytest.raises(StackFileError, match="userstream:a is set twice"):
        stack_file_config("dev", tmp_path)


def test_a_key_that_overrides_one_of_a_merged_map_is_set_once(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "shared:\n  all: &all {userstream:a: 1}\n  some: &some {<<: *all, userstream:a: 2}\nconfig: {<<: *some}\n",
        encoding="utf-8",
    )

    assert stack_file_config("dev", tmp_path) == {"userstream:a": "2"}


@pytest.mark.parametrize(
    "content", [b"config: [", b"just words", b"config: 17", b"config: \xff", b"config: {a: !!int x}"]
)
def test_a_file_that_is_not_a_stack_s_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_bytes(content)

    with pytest.raises(StackFileError, match=r"Pulumi\.dev\.yaml is not the YAML of a stack"):
        stack_file_config("dev", tmp_path)


@pytest.mark.parametrize("content", ["", "config:\n", "encryptionsalt: v1:abc\n"])
def test_a_stack_s_file_may_be_empty(content: str, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(content, encoding="utf-8")

    assert stack_file_config("dev", tmp_path) == {}


def test_a_secret_in_a_stack_s_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  aws:region: eu-west-1\n  userstream:alarmEmail:\n    secure: AAABAGVuY3J5cHRlZA==\n",
        encoding="utf-8",
    )

    assert stack_file_config("prod", tmp_path) == {"aws:region": "eu-west-1"}


def test_a_missing_stack_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"copy Pulumi\.dev\.yaml"):
        stack_file_config("qa", tmp_path)


def test_every_key_of_the_running_program_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", '{"userstream:a": "1", "userstream:b": "of the environment"}')
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", '["userstream:a"]')
    set_all_config({"userstream:b": "of the process", "userstream:c": "3"}, ["userstream:c"])
    try:
        values, secret_keys = running_config()
    finally:
        set_all_config({}, [])

    assert values == {"userstream:a": "1", "userstream:b": "of the process", "userstream:c": "3"}
    assert secret_keys == {"userstream:a", "userstream:c"}
