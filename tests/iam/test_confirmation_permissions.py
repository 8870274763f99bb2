"""Least privilege with neutral answers: without a permission nothing is confirmed."""

import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from local.mailbox import latest_mails, mailbox_of
from tests.support.iam.bench import Bench
from tests.support.iam.permissions import Permission
from tests.support.iam.trial import WORKED, Trial
from tests.support.local.local_stack import NEUTRAL, copy_project, running_local_stack
from tests.support.local.users_over_http import person
from tests.support.raw_http import send

USERS, KEYS = "table/Users-local", "table/UserKeys-local"
QUEUE = "RegistrationMailsQueue-local"
REGISTER, CONFIRM, MAIL = "register-user", "confirm-registration", "send-registration-mail"


class Row(NamedTuple):
    """A permission, and the words of the refusal without it."""

    permission: Permission
    refusal: str


ROWS = [
    Row(Permission(REGISTER, "dynamodb:PutItem", KEYS), "not authorized to perform: dynamodb:PutItem"),
    Row(Permission(REGISTER, "sqs:SendMessage", QUEUE), "SendMessage"),
    Row(Permission(MAIL, "dynamodb:GetItem", KEYS), "GetItem: AccessDenied"),
    Row(Permission(MAIL, "dynamodb:UpdateItem", KEYS), "UpdateItem: AccessDenied"),
    Row(Permission(MAIL, "ses:SendEmail", "identity/users@mail.example.com"), "SendEmail: AccessDenied"),
    Row(Permission(CONFIRM, "dynamodb:GetItem", KEYS), "not authorized to perform: dynamodb:GetItem"),
    Row(Permission(CONFIRM, "dynamodb:PutItem", USERS), "not authorized to perform: dynamodb:PutItem"),
    Row(Permission(CONFIRM, "dynamodb:PutItem", KEYS), "not authorized to perform: dynamodb:PutItem"),
    Row(Permission(CONFIRM, "dynamodb:DeleteItem", KEYS), "not authorized to perform: dynamodb:DeleteItem"),
]
HELD_ELSEWHERE = {
    # tests/iam/test_permissions.py has the same of other queues.
    Permission(MAIL, "sqs:ReceiveMessage", QUEUE),
    Permission(MAIL, "sqs:DeleteMessage", QUEUE),
    Permission(MAIL, "sqs:GetQueueAttributes", QUEUE),
    # What may be verified in place of the address: SES asks for one of them.
    Permission(MAIL, "ses:SendEmail", "identity/mail.example.com"),
    Permission(MAIL, "ses:SendEmail", "identity/example.com"),
}


class Neutral(NamedTuple):
    """A stack, and where its mails are."""

    bench: Bench
    mailbox: Path


@pytest.fixture(scope="module")
def neutral(tmp_path_factory: pytest.TempPathFactory) -> Generator[Neutral]:
    project, directory = copy_project(tmp_path_factory.mktemp("project"), NEUTRAL), tmp_path_factory.mktemp("state")
    with running_local_stack(directory, project) as stack:
        yield Neutral(Bench(stack, directory), mailbox_of(directory))


def registration_is_confirmed(neutral: Neutral, trial: Trial) -> str:
    """Register, follow the mailed link, and return WORKED or what was refused."""
    bench = trial.bench
    logs = {name: bench.log_of(name) for name in (REGISTER, CONFIRM, MAIL)}
    body = person(email=f"{uuid4().hex}@example.com")
    registered = trial.has_status(bench.users.register(body), 202, logs[REGISTER])
    if registered != WORKED:
        return registered
    tokens: list[str] = []

    def mailed() -> bool:
        mails = [mail["text"] for mail in latest_mails(neutral.mailbox) if mail["to"] == body["email"]]
        tokens[:] = [match[1] for text in mails if (match := re.search(r"#confirm=(\S+)", text))]
        return bool(tokens)

    arrived = trial.wait_for(mailed, logs[MAIL], trial.poller_log)
    if arrived != WORKED:
        return arrived
    answered = send(
        bench.stack.outputs.api_url,
        "POST",
        "/register/confirmation",
        json.dumps({"token": tokens[0]}).encode(),
        {"Content-Type": "application/json"},
    )
    return trial.has_status(answered, 201, logs[CONFIRM])


def test_a_registration_is_confirmed_with_all_permissions(neutral: Neutral) -> None:
    trial = Trial(neutral.bench, ROWS[0].permission, neutral.bench.poller_log(), None)
    assert registration_is_confirmed(neutral, trial) == WORKED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.permission))
def test_without_the_permission_it_is_not(neutral: Neutral, row: Row) -> None:
    trial = Trial(neutral.bench, row.permission, neutral.bench.poller_log(), row.refusal)
    with neutral.bench.roles.without({row.permission}):
        assert row.refusal in registration_is_confirmed(neutral, trial)


def test_the_functions_have_no_other_permission(neutral: Neutral) -> None:
    roles = neutral.bench.roles
    found = {one for name in (REGISTER, CONFIRM, MAIL) for one in roles.permissions(name)}
    assert {one for one in found if not one.action.startswith("logs:")} == {
        row.permission for row in ROWS
    } | HELD_ELSEWHERE
