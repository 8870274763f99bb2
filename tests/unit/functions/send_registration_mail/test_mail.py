"""Which mail a registration gets, what it says, and what becomes of one that can't be sent."""

import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from functions.send_registration_mail.handler import send_all
from functions.send_registration_mail.mail import Mail, Mails
from functions.users.confirmation import MAILS_PER_ADDRESS, confirm_registration, link_token, request_registration
from functions.users.service import register
from tests.support.users.pending_in_memory import InMemoryPending
from tests.support.users.people import registration
from tests.support.users.users_in_memory import InMemoryUsers

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PAGE = "https://app.example.com/confirm"
HOSTILE = registration(name="See https://evil.example\nNOW", email="owner@example.com", username="win-a-prize")


class Post:
    """The mails of one stack; `fails_for` are addresses that SES refuses."""

    def __init__(self) -> None:
        self.store = InMemoryPending(InMemoryUsers())
        self.sent: list[Mail] = []
        self.fails_for: set[str] = set()
        self.mails = Mails(self.store, self._send, PAGE, NOW.timestamp)

    def _send(self, mail: Mail) -> None:
        if mail.to in self.fails_for:
            raise ClientError({"Error": {"Code": "MessageRejected"}}, "SendEmail")
        self.sent.append(mail)

    def ask(self, body: dict[str, str]) -> str:
        return request_registration(self.store, body, idempotency_key=None, now=NOW)

    def deliver(self, *user_ids: str) -> list[str]:
        """Deliver the messages; return which of them stay in the queue."""
        messages = [
            {"messageId": f"message-{number}", "body": json.dumps({"registration": user_id})}
            for number, user_id in enumerate(user_ids)
        ]
        answered = send_all(messages, self.mails)
        return [each["itemIdentifier"] for each in answered["batchItemFailures"]]


@pytest.fixture
def post() -> Post:
    return Post()


def test_a_new_address_gets_its_link(post: Post) -> None:
    user_id = post.ask(registration(email="Alice@Example.com"))
    assert post.deliver(user_id) == []
    (mail,) = post.sent
    assert mail.to == "Alice@Example.com"
    token = link_token(post.store.pending[user_id])
    assert f"\n{PAGE}#confirm={token}\n" in mail.text
    assert "30 November 2026, 12:00 UTC" in mail.text
    assert confirm_registration(post.store, token, NOW) == user_id


def test_a_users_address_gets_word_and_no_link(post: Post) -> None:
    register(post.store.users, registration(email="Alice@Example.com"), idempotency_key=None, now=NOW)
    post.deliver(post.ask(registration(2, email="alice@example.com")))
    (mail,) = post.sent
    assert "#confirm" not in mail.text
    assert "registered there already" in mail.text


def test_no_word_of_the_registration_is_in_a_mail(post: Post) -> None:
    post.deliver(post.ask(HOSTILE))
    register(post.store.users, registration(3, email="user@example.com"), idempotency_key=None, now=NOW)
    post.deliver(post.ask({**HOSTILE, "email": "user@example.com", "username": "another-prize"}))
    for mail in post.sent:
        for value in ("evil", "NOW", "prize"):
            assert value not in mail.subject + mail.text


def test_what_was_confirmed_or_never_kept_gets_no_mail(post: Post) -> None:
    user_id = post.ask(registration())
    confirm_registration(post.store, link_token(post.store.pending[user_id]), NOW)
    assert post.deliver(user_id, "unknown") == []
    assert post.sent == []


def test_an_address_gets_a_few_mails_whoever_asks(post: Post) -> None:
    spellings = ["victim@example.com", "Victim@Example.com"]
    asked = [
        post.ask(registration(number, email=spellings[number % 2], username=f"asker-{number}")) for number in range(9)
    ]
    assert post.deliver(*asked) == []
    assert len(post.sent) == MAILS_PER_ADDRESS
    post.deliver(post.ask(registration(email="other@example.com")))
    assert post.sent[-1].to == "other@example.com"


def test_a_mail_that_fails_stays_in_the_queue_and_holds_up_no_other(post: Post) -> None:
    post.fails_for = {"refused@example.com"}
    refused, taken = post.ask(registration(1, email="refused@example.com")), post.ask(registration(2))
    assert post.deliver(refused, taken) == ["message-0"]
    assert [mail.to for mail in post.sent] == [registration(2)["email"]]
    post.fails_for = set()
    assert post.deliver(refused) == []
    assert post.sent[-1].to == "refused@example.com"


NO_MESSAGES = {
    "nothing": "",
    "no JSON": "{",
    "a list": "[]",
    "a list of messages": '[{"registration": "x"}]',
    "an object": "{}",
    "a text": '"text"',
    "null": "null",
    "NaN": "NaN",
    "a registration that is a number": '{"registration": 7}',
    "a registration that is null": '{"registration": null}',
    "a registration that is a list": '{"registration": ["x"]}',
    "what nests without end": "[" * 100_000,
    "a registration that nests without end": '{"registration":' * 30_000,
    "a number of 5,000 digits": "9" * 5_000,
    "a megabyte": "x" * 1_000_000,
    "a byte order mark": '\ufeff{"registration": "x"}',
}


@pytest.mark.parametrize("body", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_a_message_of_another_form_stays_and_holds_up_no_other(
    post: Post, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"messageId": "good", "body": json.dumps({"registration": post.ask(registration())})}
    answered = send_all([{"messageId": "bad", "body": body}, good], post.mails)
    assert answered == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert len(post.sent) == 1
    assert "REGISTRATION MAIL NOT SENT:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "shown"),
    [({"requestId": "r="}, "r="), ({}, None), ({"requestId": "two words"}, None), ({"requestId": 1}, None)],
)
def test_the_log_names_the_request_that_the_mail_is_from(
    post: Post, more: dict[str, object], shown: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    for registered in (post.ask(registration()), "nobody"):
        send_all([{"messageId": "m", "body": json.dumps({"registration": registered, **more})}], post.mails)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("requestId") for line in lines] == [shown, shown]
