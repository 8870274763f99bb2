import os
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from infra.naming import PROJECT_ROOT
from local.cli import cli
from local.mailbox import keep_mail, latest_mails, mailbox_of

# What breaks the readers of mails: encoded words, charsets, parts and encodings, each cut anywhere.
_FRAGMENTS = st.sampled_from(
    [
        b"To: ",
        b"Subject: ",
        b"Content-Type: text/plain; charset=",
        b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Transfer-Encoding: base64",
        b"--x",
        b"=?utf-9?b?",
        b"=?utf-8?q?",
        b"?=",
        b"\n",
        b"\r\n\r\n",
        b"<(@",
        b"*0*=",
    ]
)
DAMAGED = st.lists(_FRAGMENTS | st.binary(max_size=3), max_size=20).map(b"".join)


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    return mailbox_of(tmp_path)


@pytest.fixture
def careless_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mail(subject: str = "Confirm your registration", text: str = "Open this link.\n") -> str:
    """Return a mail as a program sends it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "users@example.com", "alice@example.com", subject
    message.set_content(text, cte="base64")
    return message.as_string()


@pytest.mark.usefixtures("careless_umask")
def test_mails_are_for_the_eyes_of_their_owner(mailbox: Path) -> None:
    keep_mail(mailbox, mail())

    (path,) = mailbox.iterdir()
    assert mailbox.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_mail_is_kept_for_people_to_read(mailbox: Path) -> None:
    keep_mail(mailbox, mail("Grüße", "Öffne diesen Link.\n"))

    (path,) = mailbox.glob("*.eml")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert {"From: users@example.com", "To: alice@example.com", "Öffne diesen Link."} <= {*lines}
    (shown,) = latest_mails(mailbox)
    assert (shown["to"], shown["subject"], shown["text"]) == ("alice@example.com", "Grüße", "Öffne diesen Link.\n")
    assert shown["receivedAt"].endswith("+00:00")


def test_the_last_mails_are_shown_the_newest_first(mailbox: Path) -> None:
    assert latest_mails(mailbox) == []

    for number in range(7):
        keep_mail(mailbox, mail(f"Mail {number}"))

    newest_first = [f"Mail {number}" for number in reversed(range(7))]
    assert [shown["subject"] for shown in latest_mails(mailbox)] == newest_first
    assert [shown["subject"] for shown in latest_mails(mailbox, 5)] == newest_first[:5]
    assert len({shown["id"] for shown in latest_mails(mailbox)}) == 7


def test_a_mail_that_cannot_be_read_says_so_and_hides_none(mailbox: Path) -> None:
    keep_mail(mailbox, mail("Before"))
    (mailbox / "2.eml").write_bytes(b"Subject: Strange\nContent-Type: text/plain; charset=utf-9\n\ntext\n")
    (mailbox / "3.eml").mkdir()
    (mailbox / "4.eml").symlink_to(mailbox / "gone")
    (mailbox / "5.part").write_bytes(b"Subject: Half a mail")

    shown = {each["id"]: each for each in latest_mails(mailbox)}

    assert {each["subject"] for each in shown.values()} == {"Before", "This mail can't be read"}
    assert shown["2"]["text"] == f"Its file is {mailbox}/2.eml"
    assert shown.keys() >= {"2", "3"}
    assert shown.keys().isdisjoint({"4", "5"}), "what is gone, or isn't whole yet, isn't shown"


@given(DAMAGED)
def test_no_content_of_a_file_breaks_the_mailbox(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        mailbox = mailbox_of(Path(directory))
        mailbox.mkdir()
        (mailbox / "1.eml").write_bytes(content)

        assert [shown["id"] for shown in latest_mails(mailbox)] == ["1"]


@given(DAMAGED.map(lambda content: content.decode("utf-8", "surrogateescape")))
def test_every_message_is_kept(message: str) -> None:
    with TemporaryDirectory() as directory:
        mailbox = mailbox_of(Path(directory))

        keep_mail(mailbox, message)

        assert len(latest_mails(mailbox)) == 1


def test_down_removes_mails_that_a_stack_has_left(mailbox: Path) -> None:
    keep_mail(mailbox, mail())

    assert CliRunner().invoke(cli, ["down", "--state-dir", str(mailbox.parent)]).exit_code == 0

    assert not mailbox.exists()


def test_git_ignores_the_mails() -> None:
    ignored = (PROJECT_ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()

    assert f"{mailbox_of(PROJECT_ROOT / '.local').parent.name}/" in ignored
