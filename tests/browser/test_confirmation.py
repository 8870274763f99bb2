"""Registering with neutral answers: the form, the mail, its link, and all that may come between."""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from local.mailbox import mailbox_of
from tests.browser.conftest import OpenPage, save_screenshot
from tests.support.browser.accessibility import violations
from tests.support.browser.confirmation_page import (
    ASKED,
    CONFIRM,
    OPENED,
    REFUSED,
    ask,
    confirm,
    expect_card,
    link_in,
    mail_to,
)
from tests.support.browser.registration_page import (
    REGISTER,
    answering,
    field,
    field_error,
    fill,
    idempotency_keys,
    registered_facts,
    registered_user_id,
    sent_registrations,
    somebody,
    submit,
)
from tests.support.local.local_stack import NEUTRAL, LocalStack, copy_project, running_local_stack
from tests.support.local.users_over_http import UsersOverHttp

BUSY = {"title": "Busy", "status": 503, "requestId": "r-503"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("neutral-stack")


@pytest.fixture(scope="module")
def stack(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStack]:
    project = copy_project(tmp_path_factory.mktemp("project"), NEUTRAL)
    with running_local_stack(directory, project) as running:
        yield running


@pytest.fixture(scope="module")
def site_url(stack: LocalStack) -> str:
    assert stack.outputs.website_url is not None
    return stack.outputs.website_url


@pytest.fixture(scope="module")
def mailbox(directory: Path) -> Path:
    return mailbox_of(directory)


@pytest.fixture
def link(stack: LocalStack, mailbox: Path) -> str:
    """Return a link that was mailed to somebody."""
    return mailed_link(stack, mailbox, somebody())


def mailed_link(stack: LocalStack, mailbox: Path, person: Mapping[str, str], number: int = 1) -> str:
    """Ask in somebody's name; return the link of the mail with this number to the address."""
    assert UsersOverHttp(stack).register(person).status == 202
    return link_in(mail_to(mailbox, person["email"], number))


def test_a_person_asks_and_confirms(page: Page) -> None:
    person = somebody()

    ask(page, person)

    expect(page).to_have_title("Check your e-mail · userstream · local")
    expect(page.get_by_text(f"A mail is on its way to {person['email']}.")).to_be_visible()
    expect(page.get_by_role("status").get_by_text("A mail has arrived.")).to_be_visible()
    save_screenshot(page, "asked")
    page.get_by_role("link", name="Open the link").click()
    expect_card(page, OPENED)
    assert page.url.endswith("/"), "the link isn't in the address bar"
    save_screenshot(page, "link")
    confirm(page)

    user_id = registered_user_id(page)
    expect_card(page, "You are registered")
    # Whose link it was isn't told, and what the page asked for before may be another's.
    assert registered_facts(page) == {"User ID": user_id}
    expect(page.get_by_text("Your address is confirmed")).to_be_visible()
    expect(page.get_by_text(f"User {user_id}, stored at version 1.")).to_be_visible()
    expect(page.get_by_text("In Activity: done")).to_be_visible()
    expect(page.get_by_role("link", name="Open the link")).to_be_hidden()
    save_screenshot(page, "confirmed")
    page.get_by_role("button", name="Register someone else").click()
    expect(field(page, "name")).to_be_focused()
    expect(field(page, "name")).to_have_value("")


def test_an_address_that_is_known_is_told_by_mail_alone(open_page: OpenPage, mailbox: Path) -> None:
    person = somebody()
    page = open_page()
    ask(page, person)
    said = page.locator("#requested").inner_text()
    page.goto(link_in(mail_to(mailbox, person["email"])))
    expect_card(page, OPENED)
    confirm(page)
    registered_user_id(page)
    page.get_by_role("button", name="Register someone else").click()

    ask(page, somebody(email=person["email"]))

    assert page.locator("#requested").inner_text() == said
    expect(page.get_by_text("This address is registered there already")).to_be_visible()
    expect(page.get_by_role("link", name="Open the link")).to_be_hidden()
    save_screenshot(page, "known")


def test_a_link_works_in_one_of_two_tabs(open_page: OpenPage, link: str) -> None:
    first, second = open_page(path=link), open_page(path=link)
    confirm(first)
    registered_user_id(first)

    confirm(second)

    expect_card(second, REFUSED)
    expect(second.get_by_text("It was used already, it has expired, or a part of it is missing.")).to_be_visible()
    expect(second.get_by_text("If you have confirmed with it before, you are registered.")).to_be_visible()
    save_screenshot(second, "link-used")
    second.get_by_role("button", name="Register again").click()
    expect(field(second, "name")).to_be_focused()


def test_the_address_is_taken_by_another_link(open_page: OpenPage, stack: LocalStack, mailbox: Path) -> None:
    first = somebody()
    links = [
        mailed_link(stack, mailbox, first),
        mailed_link(stack, mailbox, somebody(email=first["email"]), 2),
    ]
    page = open_page(path=links[0])
    confirm(page)
    registered_user_id(page)

    late = open_page(path=links[1])
    confirm(late)

    expect_card(late, "Another user has this already")
    expect(late.get_by_text("This email is taken by another user.")).to_be_visible()
    expect(late.get_by_text("If you have followed another link of ours before, you are registered.")).to_be_visible()
    save_screenshot(late, "address-taken")


DAMAGES: dict[str, Callable[[str], str]] = {
    "missing": lambda _token: "",
    "cut": lambda token: token[:-1],
    "with a full stop": lambda token: f"{token}.",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_link_is_refused_and_the_whole_one_still_works(
    open_page: OpenPage, link: str, damage: Callable[[str], str]
) -> None:
    path, token = link.split("=")
    page = open_page(path=f"{path}={damage(token)}")
    confirm(page)
    expect_card(page, REFUSED)

    page.goto(link)

    expect_card(page, OPENED)
    confirm(page)
    registered_user_id(page)


def test_a_huge_link_is_refused(open_page: OpenPage) -> None:
    page = open_page(path=f"/#confirm={'x' * 100_000}")
    confirm(page)

    expect_card(page, "The body is too large")
    expect(page.get_by_text("Reference: ")).to_be_visible()


def test_a_refusal_without_words_of_the_service_is_one(open_page: OpenPage) -> None:
    page = open_page(path="/#confirm=x")
    page.route(CONFIRM, answering(403, {"message": "Forbidden"}))
    confirm(page)

    expect_card(page, "The service refused this link")


def leave_and_come_back(page: Page) -> None:
    page.goto("about:blank")
    page.go_back()


@pytest.mark.parametrize("again", [Page.reload, leave_and_come_back], ids=["reload", "back"])
def test_the_link_is_kept_until_it_is_answered(open_page: OpenPage, link: str, again: Callable[[Page], object]) -> None:
    page = open_page(path=link)
    expect_card(page, OPENED)

    again(page)

    expect_card(page, OPENED)
    assert page.url.endswith("/")
    confirm(page)
    registered_user_id(page)
    page.reload()
    expect(page.get_by_role("button", name="Register", exact=True)).to_be_visible()


def test_a_link_can_be_left_for_other_details(open_page: OpenPage) -> None:
    page = open_page(path="/#confirm=x")
    page.get_by_role("button", name="Use other details").click()
    expect(field(page, "name")).to_be_focused()

    page.reload()

    expect(page.get_by_role("button", name="Register", exact=True)).to_be_visible()


def test_the_form_has_the_focus_though_it_was_asked_for_before_it_was_there(open_page: OpenPage) -> None:
    page = open_page()
    waiting: list[Route] = []
    page.route("**/config.json", lambda route: waiting.append(route))  # noqa: PLW0108  Playwright asks for its signature
    page.goto("/#confirm=x")
    page.reload()
    page.get_by_role("button", name="Use other details").click()
    expect(page.get_by_text("Loading the form…")).to_be_visible()

    waiting[0].continue_()

    expect(field(page, "name")).to_be_focused()


def test_a_reload_keeps_what_was_asked_for(page: Page, mailbox: Path) -> None:
    sent = sent_registrations(page)
    person = somebody()
    ask(page, person)
    mail_to(mailbox, person["email"])

    page.reload()

    expect_card(page, ASKED)
    expect(page.get_by_text(person["email"]).first).to_be_visible()
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("alert").get_by_text("Asked again.")).to_be_visible()
    expect(page.get_by_role("button", name="Send it again")).to_be_focused()
    mail_to(mailbox, person["email"], 2)
    first_key, second_key = idempotency_keys(sent)
    assert first_key == second_key


def test_asking_again_says_what_is_wrong(page: Page) -> None:
    ask(page, somebody())
    again = page.get_by_role("button", name="Send it again")

    def unreachable(route: Route) -> None:
        route.abort()

    for answer, words in (
        (answering(503, BUSY, Retry_After="7"), "Try again in 7 seconds."),
        (answering(500, {"requestId": "r-500"}), "Reference: r-500"),
        (unreachable, "The service can't be reached."),
    ):
        page.route(REGISTER, answer)
        again.click()
        expect(page.get_by_role("alert").get_by_text(words)).to_be_visible()
        page.unroute(REGISTER)

    again.click()
    expect(page.get_by_role("alert").get_by_text("Asked again.")).to_be_visible()


def test_a_refusal_of_asking_again_is_shown_in_the_form(page: Page) -> None:
    person = somebody()
    ask(page, person)
    taken = {"field": "username", "code": "already-taken", "message": "This username is taken by another user."}
    page.route(REGISTER, answering(409, {"errors": [taken]}))

    page.get_by_role("button", name="Send it again").click()

    assert field_error(page, "username") == "This username is taken. Choose another."
    expect(field(page, "username")).to_be_focused()
    expect(field(page, "email")).to_have_value(person["email"])


def test_asking_again_registers_once_the_answers_are_explicit(page: Page) -> None:
    person = somebody()
    ask(page, person)
    page.route(REGISTER, answering(201, {"userId": "7"}))

    page.get_by_role("button", name="Send it again").click()

    expect_card(page, "You are registered")
    assert [*registered_facts(page).values()] == [*person.values(), "7"]
    page.get_by_role("button", name="Register someone else").click()
    expect(field(page, "name")).to_have_value("")


def test_other_details_begin_with_the_first_ones(page: Page) -> None:
    person = somebody(email="alice@exmaple.com")
    ask(page, person)
    page.get_by_role("button", name="Use other details").click()
    for name, value in person.items():
        expect(field(page, name)).to_have_value(value)

    field(page, "email").fill("alice@example.com")
    submit(page)

    assert field_error(page, "username").startswith("Your first try, with other details, holds this")
    field(page, "username").fill(somebody()["username"])
    submit(page)
    expect_card(page, ASKED)
    expect(page.get_by_text("alice@example.com").first).to_be_visible()


def test_a_busy_service_leaves_the_link_to_be_tried_again(open_page: OpenPage, link: str) -> None:
    page = open_page(path=link)
    page.route(CONFIRM, answering(503, BUSY, Retry_After="1"))
    confirm(page)
    alert = page.get_by_role("alert")
    expect(alert.get_by_text("The service is busy.")).to_be_visible()
    expect(alert.get_by_text("Try again in 1 second: it can't register you twice.")).to_be_visible()
    save_screenshot(page, "confirmation-busy")

    page.unroute(CONFIRM)
    confirm(page)

    registered_user_id(page)


def test_a_link_is_confirmed_once_the_connection_is_back(open_page: OpenPage, link: str) -> None:
    page = open_page(path=link)
    expect_card(page, OPENED)
    page.context.set_offline(True)
    confirm(page)
    expect(page.get_by_role("alert").get_by_text("You are offline.")).to_be_visible()
    expect(page.get_by_text("Try again when the connection is back")).to_be_visible()

    page.context.set_offline(False)
    confirm(page)

    registered_user_id(page)


@pytest.mark.parametrize("reloads", [False, True])
def test_a_lost_answer_isnt_taken_for_a_refusal(open_page: OpenPage, link: str, *, reloads: bool) -> None:
    page = open_page(path=link)

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route(CONFIRM, lose_the_answer)
    confirm(page)
    expect(page.get_by_role("alert").get_by_text("The service can't be reached.")).to_be_visible()
    page.unroute(CONFIRM)
    if reloads:
        page.reload()

    confirm(page)

    expect_card(page, REFUSED)
    expect(
        page.get_by_text("Your first try had no answer, but it may have arrived: then you are registered.")
    ).to_be_visible()


def test_a_page_without_its_configuration_confirms_later(open_page: OpenPage, link: str) -> None:
    page = open_page()
    page.route("**/config.json", answering(503))
    page.goto(link)
    page.reload()
    confirm(page)
    expect(page.get_by_role("alert").get_by_text("The service can't be reached.")).to_be_visible()

    page.unroute("**/config.json")
    confirm(page)

    registered_user_id(page)


def test_a_double_click_confirms_once(open_page: OpenPage, link: str) -> None:
    page = open_page(path=link)
    sent: list[Request] = sent_registrations(page)

    page.get_by_role("button", name="Confirm", exact=True).dblclick()

    registered_user_id(page)
    assert len(sent) == 1


def test_a_link_is_confirmed_by_keyboard_alone(open_page: OpenPage, link: str) -> None:
    page = open_page(path=link)
    expect_card(page, OPENED)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Confirm", exact=True)).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus shows"
    waiting: list[Route] = []

    def hold_back(route: Route) -> None:
        waiting.append(route)

    page.route(CONFIRM, hold_back)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").get_by_text("Confirming your registration.")).to_be_attached()
    expect(page.get_by_role("button", name="Confirming…")).to_be_focused()
    waiting[0].continue_()

    expect_card(page, "You are registered")


def test_a_link_leaves_an_unanswered_registration_alone(open_page: OpenPage, link: str) -> None:
    person = somebody()
    page = open_page()
    fill(page, person)
    page.route(REGISTER, lambda route: route.abort())
    submit(page)
    expect(page.get_by_role("alert")).to_be_visible()
    page.unroute(REGISTER)

    page.goto(link)
    expect_card(page, OPENED)
    confirm(page)
    registered_user_id(page)
    page.reload()

    expect(page.get_by_text("Your registration has no answer yet.")).to_be_visible()
    expect(field(page, "email")).to_have_value(person["email"])


def test_an_answer_to_the_form_leaves_an_opened_link_in_sight(open_page: OpenPage, link: str) -> None:
    page = open_page()
    waiting: list[Route] = []

    def hold_back(route: Route) -> None:
        waiting.append(route)

    page.route(REGISTER, hold_back)
    fill(page, somebody())
    submit(page)
    expect(page.get_by_role("button", name="Registering…")).to_be_visible()
    page.goto(link)
    expect_card(page, OPENED)
    with page.expect_response(REGISTER):
        waiting[0].continue_()
    expect(page.get_by_text("Waiting for the mail…")).to_be_visible()

    expect_card(page, OPENED)
    confirm(page)
    registered_user_id(page)


def test_a_browser_that_keeps_nothing_confirms(open_page: OpenPage, link: str) -> None:
    page = open_page()
    page.add_init_script("Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('refused') }})")
    page.goto(link)
    page.reload()
    # The reload has lost the link; the mail still has it.
    page.goto(link)
    expect_card(page, OPENED)
    confirm(page)

    registered_user_id(page)


def test_where_the_mail_went_is_left_open_if_the_configuration_does_not_say(page: Page) -> None:
    def without_confirmed(route: Route) -> None:
        config = route.fetch().json()
        attributes = [{**each, "confirmed": False} for each in config["attributes"]]
        route.fulfill(json={**config, "attributes": attributes})

    page.route("**/config.json", without_confirmed)
    page.reload()
    page.route(REGISTER, answering(202, {"message": "Follow the link"}))
    ask(page, somebody())

    expect_card(page, ASKED)
    expect(page.get_by_text("A mail is on its way to the address that you gave.")).to_be_visible()


def test_a_mail_that_does_not_come_is_explained(page: Page) -> None:
    page.clock.install(time=0)
    page.route("**/live/mailbox?*", answering(200, {"folder": ".local/mail", "mails": []}))
    page.route(REGISTER, answering(202, {"message": "Follow the link"}))
    ask(page, somebody())
    expect(page.get_by_text("Waiting for the mail…")).to_be_visible()

    explained = page.get_by_role("status").get_by_text("python -m local logs --function send-registration-mail")
    for _ in range(1000):  # The clock also runs by itself, so which step ends the wait isn't known.
        if explained.is_visible():
            break
        page.clock.run_for(500)

    expect(explained).to_be_visible()


def show_asked(page: Page, _link: str) -> None:
    ask(page, somebody())
    expect(page.get_by_role("link", name="Open the link")).to_be_visible()


def show_asked_again(page: Page, link: str) -> None:
    show_asked(page, link)
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("alert")).to_be_visible()


def show_link(page: Page, link: str) -> None:
    page.goto(link)
    expect_card(page, OPENED)


def show_confirming(page: Page, link: str) -> None:
    show_link(page, link)
    page.route(CONFIRM, lambda _route: None)
    confirm(page)
    expect(page.get_by_role("button", name="Confirming…")).to_be_visible()


def show_busy(page: Page, link: str) -> None:
    show_link(page, link)
    page.route(CONFIRM, answering(503, BUSY))
    confirm(page)
    expect(page.get_by_role("alert")).to_be_visible()


def show_refused(page: Page, _link: str) -> None:
    show_link(page, "/#confirm=x")
    confirm(page)
    expect_card(page, REFUSED)


def show_confirmed(page: Page, link: str) -> None:
    show_link(page, link)
    confirm(page)
    expect(page.get_by_text("In Activity: done")).to_be_visible()


STATES = [show_asked, show_asked_again, show_link, show_confirming, show_busy, show_refused, show_confirmed]


@pytest.mark.parametrize("show", STATES, ids=lambda show: show.__name__)
def test_axe_finds_nothing(open_page: OpenPage, link: str, show: Callable[[Page, str], None]) -> None:
    page = open_page()
    expect(page.locator("#environment")).to_be_visible()
    show(page, link)
    for colour_scheme in ("light", "dark"):
        page.emulate_media(color_scheme=colour_scheme)
        save_screenshot(page, f"{show.__name__}-{colour_scheme}")

        assert violations(page) == [], colour_scheme


@pytest.mark.parametrize("show", [show_asked_again, show_busy, show_refused], ids=lambda show: show.__name__)
def test_the_cards_fit_a_phone(open_page: OpenPage, show: Callable[[Page, str], None]) -> None:
    page = open_page(viewport={"width": 320, "height": 740}, has_touch=True, is_mobile=True)
    show(page, "/#confirm=x")
    save_screenshot(page, f"phone-{show.__name__}")

    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box is None or box["height"] >= 40, "a finger hits it"


def test_without_javascript_a_link_stays_in_the_address_bar(open_page: OpenPage) -> None:
    page = open_page(path="/#confirm=x", java_script_enabled=False)

    expect(page.get_by_text("This page needs JavaScript to send your registration or to confirm it")).to_be_visible()
    assert page.url.endswith("/#confirm=x")
