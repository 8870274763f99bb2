import json
from pathlib import Path

import pytest

from infra.settings.check import load_settings
from local.state import LocalStackError
from local.supervisor import local_config

SITE = "http://127.0.0.1:8080"


def test_the_local_page_may_call_the_api() -> None:
    settings = load_settings("local", local_config(SITE))
    assert SITE in settings.cors_allowed_origins


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "does not exist"),
        ("config: [", "is not the YAML of a stack"),
        ("just words", "is not the YAML of a stack"),
        ("config: 17", "is not the YAML of a stack"),
        ("config:\n  a: 1\n  a: 2", "a is set twice"),
    ],
)
def test_a_file_that_is_missing_or_not_yaml_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "Pulumi.local.yaml").write_text(text)
    with pytest.raises(LocalStackError, match=said) as error:
        local_config(SITE, tmp_path)
    assert "Pulumi.local.yaml" in str(error.value)


@pytest.mark.parametrize("setting", ["{a: b}", "17", "'*'"])
def test_a_wrong_cors_setting_is_left_for_the_program_to_report(tmp_path: Path, setting: str) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text(f"config:\n  userstream:corsAllowedOrigins: {setting}\n")
    assert SITE not in local_config(SITE, tmp_path)["userstream:corsAllowedOrigins"]


def test_the_origins_in_the_file_are_kept(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text("config:\n  userstream:corsAllowedOrigins: [http://a.example]\n")
    assert json.loads(local_config(SITE, tmp_path)["userstream:corsAllowedOrigins"]) == ["http://a.example", SITE]
