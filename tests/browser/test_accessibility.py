"""axe-core finds nothing on any state of the page, in either colour scheme."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, save_screenshot
from tests.support.browser.accessibility import violations
from tests.support.browser.registration_page import REGISTER, answering, field_error, fill, register, somebody, submit


def show_form(_page: Page) -> None:
    """Show the page as it opens."""


def show_field_errors(page: Page) -> None:
    submit(page)
    field_error(page, "name")


def show_notice(page: Page) -> None:
    fill(page, somebody())
    page.route(REGISTER, answering(500, {"requestId": "r-500"}))
    submit(page)
    expect(page.get_by_role("alert")).to_be_visible()


def show_waiting(page: Page) -> None:
    fill(page, somebody())
    page.route(REGISTER, lambda _route: None)
    submit(page)
    expect(page.get_by_role("button", name="Registering…")).to_be_visible()


def show_registered(page: Page) -> None:
    register(page, somebody())
    expect(page.get_by_text("In Activity: done")).to_be_visible()


def show_poisoned(page: Page) -> None:
    show_registered(page)
    page.get_by_role("button", name="Poison").click()
    expect(page.get_by_text("Dead-letter queue: done")).to_be_visible()


STATES: list[Callable[[Page], None]] = [
    show_form,
    show_field_errors,
    show_notice,
    show_waiting,
    show_registered,
    show_poisoned,
]


@pytest.mark.parametrize("colour_scheme", ["light", "dark"])
@pytest.mark.parametrize("show", STATES, ids=lambda show: show.__name__)
def test_axe_finds_nothing(open_page: OpenPage, show: Callable[[Page], None], colour_scheme: str) -> None:
    page = open_page(color_scheme=colour_scheme)
    expect(page.locator("#environment")).to_be_visible()
    show(page)
    save_screenshot(page, f"{show.__name__}-{colour_scheme}")

    assert violations(page) == []


def test_the_colour_schemes_differ(open_page: OpenPage) -> None:
    backgrounds = {
        open_page(color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert len(backgrounds) == 2
