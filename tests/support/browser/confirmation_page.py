"""What browser tests do with neutral answers: ask for a mail, take its link, and confirm."""

import re
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Page, expect

from local.mailbox import ShownMail, latest_mails
from tests.support.browser.registration_page import fill, submit
from tests.support.local.mapped_function import eventually

CONFIRM = "**/register/confirmation"

ASKED = "Check your e-mail"
OPENED = "Confirm your registration"
REFUSED = "This link can't be used"


def ask(page: Page, person: Mapping[str, str]) -> None:
    """Register, up to the card that says where the mail goes."""
    fill(page, person)
    submit(page)
    expect_card(page, ASKED)


def expect_card(page: Page, heading: str) -> None:
    """Expect one card, apart from the live view, with the focus on its heading."""
    expect(page.get_by_role("heading", level=1)).to_have_text([heading])
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def mail_to(mailbox: Path, address: str, number: int = 1) -> ShownMail:
    """Wait until an address has got so many mails, and return the last one."""
    return eventually(
        lambda: [mail for mail in latest_mails(mailbox) if mail["to"] == address], lambda mails: len(mails) >= number
    )[0]


def link_in(mail: ShownMail) -> str:
    """Return the part of a mail's link behind the page's origin."""
    found = re.search(r"^http://[^/\s]+(/#confirm=\S+)$", mail["text"], re.MULTILINE)
    assert found, mail
    return found[1]


def confirm(page: Page) -> None:
    page.get_by_role("button", name="Confirm", exact=True).click()
