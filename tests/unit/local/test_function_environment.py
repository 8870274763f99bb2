"""What of the emulator's environment its functions see."""

import subprocess
import sys

from local.function_environment import function_environment, without_emulator_settings

EMULATOR = {"PATH": "/home/me/bin", "HOME": "/home/me", "GITHUB_TOKEN": "secret", "GATEWAY_PORT": "1", "TZ": "UTC"}


def test_a_function_inherits_nothing_but_locale_and_time_zone() -> None:
    asked = {**EMULATOR, "USERS_TABLE": "Users", "AWS_REGION": "us-east-1"}

    assert function_environment(asked, EMULATOR) == {
        "TZ": "UTC",
        "USERS_TABLE": "Users",
        "AWS_REGION": "us-east-1",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_a_functions_own_variable_of_the_same_name_stays() -> None:
    assert function_environment({**EMULATOR, "HOME": "/tmp"}, EMULATOR)["HOME"] == "/tmp"  # noqa: S108  a value


def test_a_process_gets_that_environment() -> None:
    print_names = "import os; print(sorted(name for name in os.environ if name.isupper()))"
    process = without_emulator_settings(EMULATOR).Popen(
        [sys.executable, "-c", print_names], env=EMULATOR, stdout=subprocess.PIPE, text=True
    )

    names = process.communicate()[0]
    assert "GITHUB_TOKEN" not in names
    assert "'TZ'" in names
