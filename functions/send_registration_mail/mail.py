"""Which mail a registration gets, and what it says.

A mail holds nothing that the registration brought: whoever registers somebody else's address can
put no word of theirs into the mail that its owner gets.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from functions.users.confirmation import address_of, link_token, mails_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_sesv2 import SESV2Client

    from functions.users.confirmation import PendingStore


class Mail(NamedTuple):
    """One mail in plain text."""

    to: str
    subject: str
    text: str


class Mails:
    """Sends the mail that is due about a registration.

    `page` is the address of the page that takes the link's token behind `#confirm=`; `now` returns
    seconds since the epoch.
    """

    def __init__(self, store: PendingStore, send: Callable[[Mail], None], page: str, now: Callable[[], float]) -> None:
        self._store = store
        self._send = send
        self._page = page
        self._now = now

    def send(self, user_id: str) -> str:
        """Send the mail, and return what became of it, for the log.

        Raise what the services raise: then the message comes again, and a mail may go out twice.
        """
        now = int(self._now())
        pending = self._store.get(user_id, now)
        if pending is None:
            return "confirmed or expired"
        address, key = address_of(pending)
        if not self._store.count_mail(mails_key(key), now):
            return "too many for this address"
        if self._store.is_registered(key, now):
            self._send(already_registered(address, self._page))
            return "address is registered"
        self._send(confirmation(address, self._page, link_token(pending), pending.expires_at))
        return "link sent"


def confirmation(address: str, page: str, token: str, expires_at: int) -> Mail:
    """Return the mail with the link."""
    until = datetime.fromtimestamp(expires_at, UTC).strftime("%d %B %Y, %H:%M UTC")
    text = (
        f"Somebody, probably you, registered with this address at {page}\n\n"
        "To complete the registration, open this link and confirm:\n\n"
        f"{page}#confirm={token}\n\n"
        f"It works once, until {until}. If it wasn't you, there is nothing to do:\n"
        "without the link nothing is registered.\n"
    )
    return Mail(address, "Confirm your registration", text)


def already_registered(address: str, page: str) -> Mail:
    """Return the mail to an address that a user has already."""
    text = (
        f"Somebody, probably you, tried to register with this address at {page}\n\n"
        "This address is registered there already, so nothing has changed, and there is\n"
        "nothing to do.\n"
    )
    return Mail(address, "You are registered already", text)


class SesSender:
    """Sends by SES, from one address, whose identity is verified there."""

    def __init__(self, client: SESV2Client, sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """Send one mail; raise botocore's errors."""
        self._client.send_email(
            FromEmailAddress=self._sender,
            Destination={"ToAddresses": [mail.to]},
            Content={
                "Simple": {
                    "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": mail.text, "Charset": "UTF-8"}},
                }
            },
        )
