import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.process import child_environment, shut_out_user_settings

NAMES = st.from_regex(r"(AWS_|PULUMI_|PYTHON|HTTPS?_PROXY|GATEWAY_|LAMBDA_|SERVICES|BIND_)[A-Z_]{0,10}", fullmatch=True)


@given(st.dictionaries(NAMES, st.text(min_size=1)))
def test_nothing_of_the_users_settings_gets_through(shell: dict[str, str]) -> None:
    plain = {"PATH": "/bin", "LANG": "C.UTF-8"}
    assert child_environment({**plain, **shell}) == child_environment(plain)


def test_what_a_program_needs_to_run_does() -> None:
    environment = child_environment({"PATH": "/bin"}, GATEWAY_PORT="1")
    assert environment["PATH"] == "/bin"
    assert environment["GATEWAY_PORT"] == "1"


def test_a_function_runs_in_utc_and_utf8_as_in_lambda() -> None:
    environment = child_environment({"TZ": "Europe/Berlin", "PYTHONUTF8": "0"})
    assert (environment["TZ"], environment["PYTHONUTF8"]) == ("UTC", "1")


def test_this_process_forgets_the_users_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "PULUMI_CONFIG", "HTTPS_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "the user's")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.setenv(name, "the user's")  # So that the test run gets its own back.

    shut_out_user_settings()

    assert "the user's" not in os.environ.values()
    assert os.environ["AWS_CONFIG_FILE"] == os.devnull
