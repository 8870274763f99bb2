import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from functions.users.attributes import ATTRIBUTES
from tests.browser.conftest import OpenPage, save_screenshot
from tests.support.browser.registration_page import register, somebody

FRONTEND = Path(__file__).resolve().parents[2] / "frontend"


def change(page: Page, title: str) -> Locator:
    return page.get_by_role("listitem").filter(has_text=title).first


def select_username(page: Page) -> None:
    page.get_by_label("What to change").select_option("username")


def expect_end(page: Page, title: str, end: str) -> None:
    """Expect the change to have completed every step."""
    for step in ("Stored", "Streamed", "Logged", end):
        expect(change(page, title).get_by_text(f"{step}: done")).to_be_visible()


def test_a_registration_is_followed_from_the_table_to_its_history(page: Page) -> None:
    expect(page.get_by_text("follow the change through the local stack")).to_be_visible()

    user_id = register(page, somebody())

    expect_end(page, "USER ADDED", "In Activity")
    expect(page.get_by_text(f"User {user_id}, stored at version 1.")).to_be_visible()
    expect(page.get_by_role("status").get_by_text("USER ADDED: kept in Activity.")).to_be_attached()
    save_screenshot(page, "live-added")


def test_an_update_and_a_deletion_made_on_the_page_are_followed(page: Page) -> None:
    register(page, somebody(name="Eve", username="toto"))
    select_username(page)
    page.get_by_label("Try a change on this user").fill("kichwa")
    page.get_by_role("button", name="Update username").click()

    expect_end(page, "USER UPDATED", "In Activity")
    updated = change(page, "USER UPDATED")
    expect(updated.get_by_role("deletion")).to_have_text(["toto", "1"])
    expect(updated.get_by_role("insertion")).to_have_text(["kichwa", "2"])
    save_screenshot(page, "live-updated")

    page.get_by_role("button", name="Delete").click()
    expect_end(page, "USER DELETED", "In Activity")
    expect(page.get_by_role("button", name="Delete")).to_be_hidden()
    expect(page.get_by_role("heading", name="What happens to it")).to_be_focused()


def test_a_hidden_tab_keeps_no_connection(page: Page) -> None:
    user_id = register(page, somebody())
    expect_end(page, "USER ADDED", "In Activity")

    # Chromium without a screen shows every tab.
    show = """({hidden}) => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    with page.expect_event("requestfailed", lambda request: request.url.endswith(f"/live/users/{user_id}")):
        page.evaluate(show, {"hidden": True})
    with page.expect_request(f"**/live/users/{user_id}"):
        page.evaluate(show, {"hidden": False})


def test_right_to_left_names_keep_the_order_of_the_sentence(page: Page) -> None:
    register(page, somebody(name="علي!", username=f"علي{uuid4().int % 10**9}"))
    expect(page.locator("#registered-facts bdi").get_by_text("علي!", exact=True)).to_be_visible()

    select_username(page)
    page.get_by_label("Try a change on this user").fill(f"حسن{uuid4().int % 10**9}")
    page.get_by_role("button", name="Update username").click()
    expect_end(page, "USER UPDATED", "In Activity")
    old = change(page, "USER UPDATED").get_by_role("deletion").first.bounding_box()
    new = change(page, "USER UPDATED").get_by_role("insertion").first.bounding_box()
    assert old is not None
    assert new is not None
    assert old["x"] < new["x"]


def test_the_attribute_that_is_selected_is_the_one_that_changes(page: Page) -> None:
    person = somebody()
    register(page, person)
    value = page.get_by_label("Try a change on this user")
    for attribute in ATTRIBUTES:
        page.get_by_label("What to change").select_option(label=attribute.label)
        expect(value).to_have_value(person.get(attribute.name, ""))

    page.get_by_label("What to change").select_option("name")
    value.fill("Eve")
    page.get_by_role("button", name="Update name").click()

    expect(change(page, "USER UPDATED").get_by_role("insertion").first).to_have_text("Eve")


def test_a_refused_update_is_shown_at_its_input(page: Page) -> None:
    taken = somebody()
    register(page, taken)
    page.get_by_role("button", name="Register someone else").click()
    register(page, somebody())

    select_username(page)
    page.get_by_label("Try a change on this user").fill(taken["username"])
    page.get_by_role("button", name="Update username").click()

    value = page.get_by_label("Try a change on this user")
    expect(value).to_have_accessible_description("This username is taken. Choose another.")
    expect(value).to_have_attribute("aria-invalid", "true")
    expect(value).to_be_focused()
    save_screenshot(page, "live-refused")

    page.get_by_label("What to change").select_option("name")
    expect(value).not_to_have_attribute("aria-invalid", "true")


def test_an_update_that_changes_nothing_says_so(page: Page) -> None:
    register(page, somebody())
    page.get_by_role("button", name="Update name").click()

    expect(page.get_by_role("status").get_by_text("Nothing to update")).to_be_visible()
    expect(page.get_by_text("stored at version 1.")).to_be_visible()


def test_the_card_of_the_registered_user_follows_what_becomes_of_it(page: Page) -> None:
    user_id = register(page, somebody(name="Eve"))
    expect_end(page, "USER ADDED", "In Activity")
    page.get_by_label("Try a change on this user").fill("Eve Wanjiru")
    page.get_by_role("button", name="Update name").click()

    card = page.get_by_role("region", name="You are registered")
    expect(card.get_by_text("Eve Wanjiru")).to_be_visible()
    expect(card.get_by_text("Eve", exact=True)).to_be_hidden()

    page.get_by_role("button", name="Delete").click()
    gone = page.get_by_role("region", name="No longer registered")
    expect(gone.get_by_text(user_id)).to_be_visible()
    expect(gone.get_by_text("Eve Wanjiru")).to_be_hidden()
    expect(page).to_have_title(re.compile("^No longer registered"))
    save_screenshot(page, "live-deleted")

    page.get_by_role("button", name="Register someone else").click()
    register(page, somebody())
    expect(page.get_by_role("region", name="You are registered")).to_be_visible()


def test_before_a_change_the_steps_are_explained(page: Page) -> None:
    story = page.get_by_role("region", name="What happens to it").get_by_role("listitem")
    expect(story).to_have_count(4)
    expect(story.first).to_contain_text("In the Users table")
    save_screenshot(page, "live-idle")

    register(page, somebody())
    expect_end(page, "USER ADDED", "In Activity")
    expect(page.get_by_text("In the Users table")).to_be_hidden()


def test_a_replayed_change_says_that_it_had_failed(page: Page) -> None:
    change_of: dict[str, Any] = {
        "eventId": "e-1",
        "kind": "UPDATED",
        "streamedAt": "2026-11-24T10:00:00Z",
        "fields": [],
    }
    told = {"logged": "USER UPDATED - NEW:", "inActivity": True, "deadLetterReason": None, "replayed": True}
    stored = {"name": "Eve", "email": "eve@example.com", "username": "eve", "version": "2"}
    trail: dict[str, Any] = {"stored": stored, "changes": [change_of | told], "erased": None, "storedAhead": False}

    def tell(route: Route) -> None:
        user_id = route.request.url.rsplit("/", 1)[-1]
        body = f"data: {json.dumps({'userId': user_id, **trail})}\n\n"
        route.fulfill(status=200, content_type="text/event-stream", body=body)

    page.route("**/live/users/*", tell)
    register(page, somebody())

    expect(change(page, "USER UPDATED").get_by_text("It failed first")).to_be_visible()


@pytest.mark.parametrize("width", [375, 820, 1280])
def test_no_step_s_name_breaks_within_a_word(open_page: OpenPage, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 900})
    register(page, somebody())
    page.get_by_role("button", name="Poison").click()
    expect_end(page, "USER UPDATED", "Dead-letter queue")

    heights = page.locator(".steps li").evaluate_all(
        "steps => steps.map((step) => step.getClientRects()[0].height / parseFloat(getComputedStyle(step).lineHeight))"
    )
    # Its dot stands above a name of at most two lines, or beside one of a single line.
    assert max(heights) < 3


def test_an_unsupported_user_ends_in_the_dead_letter_queue(page: Page) -> None:
    register(page, somebody())
    page.get_by_role("button", name="Poison").click()

    expect_end(page, "USER UPDATED", "Dead-letter queue")
    expect(
        change(page, "USER UPDATED").get_by_text(re.compile("Sent to the dead-letter queue: .*schemaVersion 2"))
    ).to_be_visible()
    save_screenshot(page, "live-poisoned")


def test_a_double_click_acts_once(page: Page) -> None:
    register(page, somebody())
    asked: list[Route] = []

    def hold_back(route: Route) -> None:
        asked.append(route)

    page.route("**/live/users/*/*", hold_back)
    with page.expect_request("**/poison"):
        page.get_by_role("button", name="Poison").dblclick()
    # Playwright's own click waits until the button is enabled; a person's doesn't.
    page.get_by_role("button", name="Delete").dispatch_event("click")

    asked.pop().continue_()
    expect_end(page, "USER UPDATED", "Dead-letter queue")
    assert asked == []


def test_typed_text_is_kept_while_the_trail_grows(page: Page) -> None:
    register(page, somebody())
    username, renamed = page.get_by_label("Try a change on this user"), somebody()["username"]
    select_username(page)
    username.fill(renamed)
    page.get_by_role("button", name="Poison").click()
    expect_end(page, "USER UPDATED", "Dead-letter queue")
    expect(username).to_have_value(renamed)

    page.get_by_role("button", name="Update username").click()
    expect(page.get_by_role("insertion").get_by_text(renamed)).to_be_visible()
    expect(username).to_have_value(renamed)
    page.get_by_role("button", name="Register someone else").click()
    other = somebody()
    register(page, other)
    expect(username).to_have_value(other["username"])


def test_a_reload_continues_to_follow_the_same_user(page: Page) -> None:
    user_id = register(page, somebody())
    expect_end(page, "USER ADDED", "In Activity")

    page.reload()

    expect(page.get_by_text(f"User {user_id}, stored at version 1.")).to_be_visible()
    expect_end(page, "USER ADDED", "In Activity")


@pytest.mark.parametrize("width", [640, 1024, 1056, 1280])
def test_the_cards_have_the_same_width_when_one_is_below_the_other(open_page: OpenPage, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    form = page.get_by_role("region", name="Create your account").bounding_box()
    live = page.get_by_role("region", name="What happens to it").bounding_box()

    assert form is not None
    assert live is not None
    assert form["y"] == live["y"] or form["width"] == live["width"]


def test_nothing_of_the_live_view_is_deployed() -> None:
    assert not [file.name for file in FRONTEND.rglob("*") if file.is_file() and "live/" in file.read_text("utf-8")]
