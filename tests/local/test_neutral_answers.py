"""A stack with neutral answers, as its users meet it: over HTTP, by mail, and in the history."""

import json
import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from uuid import uuid4

import pytest

from local.mailbox import latest_mails, mailbox_of
from local.state import clients_of, read_local_stack
from ops.errors import ExitCode
from tests.support.local.local_stack import NEUTRAL, LocalStack, copy_project, running_local_stack
from tests.support.local.mapped_function import eventually
from tests.support.local.ops_stack import answer, run_ops, services_of
from tests.support.local.users_over_http import UsersOverHttp, person, root_signer
from tests.support.raw_http import RawAnswer, send


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def stack(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStack]:
    project = copy_project(tmp_path_factory.mktemp("project"), NEUTRAL)
    with running_local_stack(directory, project) as running:
        yield running


class Person:
    """Somebody with an address, who reads its mails."""

    def __init__(self, stack: LocalStack, directory: Path) -> None:
        self.body = person(email=f"{uuid4().hex}@example.com")
        self.api = UsersOverHttp(stack, root_signer(stack))
        self._stack = stack
        self._mailbox = mailbox_of(directory)

    def mails(self, number: int) -> list[str]:
        """Return the texts of the mails, once there are so many."""
        return eventually(self._texts, lambda texts: len(texts) >= number)

    def token(self, number: int = 1) -> str:
        """Return the token of the newest mail, once there are so many."""
        match = re.search(r"#confirm=(\S+)", self.mails(number)[0])
        assert match
        return match[1]

    def confirm(self, token: str) -> RawAnswer:
        body = json.dumps({"token": token}).encode()
        headers = {"Content-Type": "application/json"}
        return send(self._stack.outputs.api_url, "POST", "/register/confirmation", body, headers)

    def _texts(self) -> list[str]:
        return [mail["text"] for mail in latest_mails(self._mailbox) if mail["to"] == self.body["email"]]


@pytest.fixture
def somebody(stack: LocalStack, directory: Path) -> Person:
    return Person(stack, directory)


def without_ids(answered: RawAnswer) -> tuple[object, ...]:
    """Return an answer without what any two differ in: the time, and API Gateway's id."""
    ignored = {"date", "apigw-requestid"}
    headers = {name.lower(): value for name, value in answered.headers.items()}
    return answered.status, {name: value for name, value in headers.items() if name not in ignored}, answered.json


def test_a_link_by_mail_makes_a_user_with_a_history(somebody: Person) -> None:
    assert somebody.api.register(somebody.body).status == 202
    assert somebody.api.find(email=somebody.body["email"]).json == {"items": [], "nextToken": None}

    confirmed = somebody.confirm(somebody.token())

    assert confirmed.status == 201
    user_id = str(confirmed.json["userId"])
    eventually(lambda: somebody.api.activity(user_id), lambda changes: [each["kind"] for each in changes] == ["ADDED"])
    assert somebody.api.get(user_id).json.items() >= somebody.body.items()
    assert somebody.confirm(somebody.token()).status == 410


def test_a_known_address_gets_the_same_answer_and_another_mail(somebody: Person) -> None:
    first = somebody.api.register(somebody.body)
    somebody.confirm(somebody.token())

    second = somebody.api.register({**somebody.body, "username": f"{somebody.body['username']}-2"})

    assert without_ids(first) == without_ids(second)
    newest = somebody.mails(2)[0]
    assert "registered there already" in newest
    assert "#confirm" not in newest


def test_a_repeat_sends_the_mail_again_with_the_same_link(somebody: Person) -> None:
    answers = [somebody.api.register(somebody.body, key=f"key-{somebody.body['username']:0>20}") for _ in range(2)]
    assert without_ids(answers[0]) == without_ids(answers[1])
    assert len(set(somebody.mails(2))) == 1


def test_mails_are_their_owners_alone(somebody: Person, directory: Path) -> None:
    somebody.api.register(somebody.body)
    somebody.mails(1)
    mailbox = mailbox_of(directory)
    assert mailbox.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in mailbox.iterdir())


def test_registrations_to_be_confirmed_are_no_finding_of_verify(somebody: Person, stack: LocalStack) -> None:
    somebody.api.register(somebody.body)
    somebody.mails(1)

    result = run_ops(services_of(stack), "verify", "--repair")

    assert result.exit_code == ExitCode.OK, result.output
    assert somebody.confirm(somebody.token()).status == 201


def test_an_unsent_mail_needs_attention_and_is_sent_again(directory: Path) -> None:
    stack = read_local_stack(directory)
    queue = stack.outputs.registration_mails_dead_letter_queue_url or ""
    sqs = clients_of(stack).sqs
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"registration": "none"}))

    found = answer(run_ops(services_of(stack), "status"))

    name = "RegistrationMailsDeadLetterQueue-local"
    assert f"{name}: 1 registration that no mail could be sent about" in found["attention"]
    assert found["next"] == ["return-mails"]
    returned = run_ops(services_of(stack), "return-mails")
    assert (returned.exit_code, answer(returned)["returned"]) == (ExitCode.OK, 1)
    eventually(lambda: answer(run_ops(services_of(stack), "status"))["attention"], lambda attention: not attention)


def test_the_command_line_says_where_mails_are(stack: LocalStack, directory: Path) -> None:
    assert stack.outputs.confirm_registration_function_name
    shown = (directory / "up.log").read_text(encoding="utf-8")
    assert "mailSender users@mail.example.com sends no mail from this machine: mails are kept in" in shown
    command = [sys.executable, "-m", "local", "status", "--state-dir", str(directory)]
    eventually(
        lambda: subprocess.run(command, capture_output=True, text=True, check=False), lambda ended: not ended.returncode
    )
