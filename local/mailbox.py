"""The mailbox of this machine: each mail that the stack sends is a file here, and goes nowhere.

The emulator writes it and the page shows it. The files hold addresses and links that work, so only
their owner may read them, and they go when the stack ends.
"""

import contextlib
import email.policy
import shutil
import time
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import TypedDict

MAILBOX_VARIABLE = "USERSTREAM_MAILBOX"
"""Tells the emulator's process the folder; without it that prepares no SES."""

_FOLDER = "mail"


class ShownMail(TypedDict):
    """A mail, as the page shows it."""

    id: str  # of its file
    receivedAt: str  # ISO 8601 in UTC
    to: str
    subject: str
    text: str


def mailbox_of(directory: Path) -> Path:
    """Return the mailbox's folder in a stack's state directory."""
    return directory / _FOLDER


def empty_mailbox(mailbox: Path) -> None:
    """Remove all mails, also those of a stack that ran before."""
    shutil.rmtree(mailbox, ignore_errors=True)


def keep_mail(mailbox: Path, message: str) -> None:
    """Write a mail in the Internet's message format (RFC 5322) to a file of its own.

    Its text is written as it is, for people, and not in base64 as it came.
    """
    content = message.encode(errors="replace")
    # The email package raises errors of many types. Such a mail stays as it came.
    with contextlib.suppress(Exception):
        content = _for_people(content)
    mailbox.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = mailbox / f"{time.time_ns()}.eml"
    # The page looks for *.eml, so it never shows half a mail.
    part = path.with_suffix(".part")
    part.touch(mode=0o600, exist_ok=False)
    part.write_bytes(content)
    part.rename(path)


def latest_mails(mailbox: Path, most: int | None = None) -> list[ShownMail]:
    """Return the last mails, at most so many, the newest first. One that can't be read says so."""
    paths = sorted(mailbox.glob("*.eml"), reverse=True)[:most]
    return [mail for path in paths if (mail := _shown(path)) is not None]


def _shown(path: Path) -> ShownMail | None:
    """Read a mail; return None if it is gone by now."""
    shown: ShownMail = {
        "id": path.stem,
        "receivedAt": "",
        "to": "",
        "subject": "This mail can't be read",
        "text": f"Its file is {path}",
    }
    try:
        shown["receivedAt"] = datetime.fromtimestamp(path.lstat().st_mtime, UTC).isoformat()
        message, text = _parsed(path.read_bytes())
        return {**shown, "to": str(message["To"] or ""), "subject": str(message["Subject"] or ""), "text": text}
    except FileNotFoundError:
        return None
    except Exception:  # noqa: BLE001  of the file or the email package; the other mails are still to be shown
        return shown


def _parsed(content: bytes) -> tuple[EmailMessage, str]:
    """Return a mail and its text, "" for none; raise what the email package raises."""
    message = message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(preferencelist=("plain",))
    return message, "" if body is None else str(body.get_content())


def _for_people(content: bytes) -> bytes:
    message, text = _parsed(content)
    mail = EmailMessage()
    for name in ("From", "To", "Subject"):
        mail[name] = str(message[name] or "")
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail.set_content(text, cte="8bit")
    return mail.as_bytes()
