"""Every example of docs/signed-requests.md does what it says, against a running stack."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contract.files import DOCS
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack
from tests.support.local.users_over_http import UsersOverHttp, person

EXAMPLES = re.findall(
    r"^```(sh|python)\n(.*?)^```$", (DOCS / "signed-requests.md").read_text(), re.DOTALL | re.MULTILINE
)
KEYS, LIST_BY_CURL, SEARCH_BY_CURL, CHANGE_BY_CURL, SEARCH_BY_REQUESTS, CHANGE_BY_BOTOCORE = range(6)


@pytest.fixture
def users(local_stack: LocalStack, api_caller: Signer) -> UsersOverHttp:
    return UsersOverHttp(local_stack, api_caller)


def run_example(number: int, directory: Path, **variables: str) -> str:
    """Run an example with the laptop's keys, as the page sets them first; return its output."""
    language, text = EXAMPLES[number]
    command = f"exec {sys.executable} - <<'END'\n{text}END" if language == "python" else text
    keys = EXAMPLES[KEYS][1].replace("python", sys.executable)
    environment = {**os.environ, "USERSTREAM_LOCAL_DIR": str(directory), "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        ["bash", "-euc", f"{keys}\n{command}"],
        cwd=DOCS.parent,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_are_those_that_are_tried() -> None:
    assert [language for language, _ in EXAMPLES] == ["sh", "sh", "sh", "sh", "python", "python"]


def test_curl_lists_users(users: UsersOverHttp, local_stack_directory: Path) -> None:
    users.registered(person())

    assert '"items":' in run_example(LIST_BY_CURL, local_stack_directory)


@pytest.mark.parametrize(
    ("example", "name", "expected"),
    [(CHANGE_BY_CURL, "Alice B.", '"version":2'), (CHANGE_BY_BOTOCORE, "Alice C.", "200 {")],
)
def test_a_change_is_stored(
    example: int, name: str, expected: str, users: UsersOverHttp, local_stack_directory: Path
) -> None:
    user_id = users.registered(person())

    answer = run_example(example, local_stack_directory, ID=user_id)

    assert expected in answer
    assert f'"name":"{name}"' in answer


@pytest.mark.parametrize("example", [SEARCH_BY_CURL, SEARCH_BY_REQUESTS])
def test_a_user_is_found_by_an_address_with_a_plus(
    example: int, users: UsersOverHttp, local_stack_directory: Path
) -> None:
    user = {"name": "Alice", "email": "alice+news@example.com", "username": "alice-with-news"}
    user_id = users.registered(user)

    assert user_id in run_example(example, local_stack_directory)
    users.delete(user_id)
