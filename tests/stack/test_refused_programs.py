"""The program refuses wrong input before any resource, with a message and no traceback."""

from pathlib import Path

import pytest

from infra import packaging as function_package
from tests.support.stack.own_settings import own_config
from tests.support.stack.provider_answers import ACCOUNT_ID
from tests.support.stack.recorded_stack import refusal


def test_wrong_settings_stop_a_preview_before_any_resource() -> None:
    said = refusal(
        "dev",
        own_config("dev")
        | {"userstream:streamBatchSize": "0", "userstream:streamBatchsize": "5", "userstream:requireTls": "maybe"},
    )

    assert said.startswith("the settings of stack 'dev' have 3 problems; nothing was deployed\n")
    assert "userstream:streamBatchSize is '0': must be a whole number from 1 to 10000" in said
    assert "pulumi config set userstream:streamBatchSize 1 --stack dev" in said
    assert "userstream:streamBatchsize is '5': there is no such setting; did you mean" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(("setting", "value"), [("functionPlatform", "host"), ("requireTls", "false")])
def test_an_account_of_aws_gets_nothing_that_only_the_emulator_takes(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    monkeypatch.setattr("tests.support.stack.recorded_stack.EMULATOR_ACCOUNT_ID", ACCOUNT_ID)

    said = refusal("dev", {**own_config("dev"), f"userstream:{setting}": value})

    assert said.startswith("the settings of stack 'dev' have 1 problem; nothing was deployed\n")
    assert f"userstream:{setting} is '{value}': must be " in said


def test_a_stack_without_settings_gets_a_problem_for_each() -> None:
    said = refusal("dev", {})

    assert "aws:region is not set: must be one of AWS's " in said
    assert said.count("is not set") == len(own_config("dev"))


def test_a_zip_that_cannot_be_built_stops_a_preview_before_any_resource(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(function_package, "PROJECT_ROOT", tmp_path)

    assert "no function 'register_user'" in refusal("local", own_config("local"))


def test_a_handler_with_a_syntax_error_stops_a_preview_before_any_resource(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "functions" / "register_user"
    folder.mkdir(parents=True)
    (folder / "handler.py").write_text("import json\ndef handler(:\n", encoding="utf-8")
    monkeypatch.setattr(function_package, "PROJECT_ROOT", tmp_path)

    said = refusal("local", own_config("local"))

    assert said == "SyntaxError: invalid syntax  (functions/register_user/handler.py, line 2)"
