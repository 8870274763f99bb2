import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, save_screenshot
from tests.support.browser.registration_page import (
    REGISTER,
    answering,
    field,
    fill,
    idempotency_keys,
    register,
    registered_user_id,
    sent_registrations,
    somebody,
    submit,
)

BUSY = {
    "type": "urn:userstream:problem:unavailable",
    "title": "Busy",
    "status": 503,
    "detail": "",
    "requestId": "r-503",
}


def stop_the_clock(page: Page) -> None:
    """Let the page's time pass only by `page.clock.run_for`, in milliseconds."""
    page.clock.install(time=0)
    page.clock.pause_at(1_000)


def test_an_offline_registration_is_sent_when_the_connection_is_back(page: Page) -> None:
    sent = sent_registrations(page)
    fill(page, somebody())
    page.context.set_offline(True)
    submit(page)
    expect(page.get_by_role("alert").get_by_text("You are offline.")).to_be_visible()
    save_screenshot(page, "offline")

    page.context.set_offline(False)

    registered_user_id(page)
    assert len(set(idempotency_keys(sent))) == 1


def test_a_service_that_cannot_be_reached_can_be_tried_again(page: Page) -> None:
    fill(page, somebody())
    page.route(REGISTER, lambda route: route.abort())
    submit(page)
    expect(page.get_by_role("alert").get_by_text("The service can't be reached.")).to_be_visible()

    page.unroute(REGISTER)
    page.get_by_role("button", name="Try again").click()

    registered_user_id(page)


def test_trying_again_by_keyboard_keeps_the_focus(page: Page) -> None:
    fill(page, somebody())
    page.route(REGISTER, lambda route: route.abort())
    submit(page)
    page.get_by_role("button", name="Try again").press("Enter")

    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    # It is the form's own button: beside it, another would do the same.
    expect(page.get_by_role("button", name="Register", exact=True)).to_have_count(0)
    page.unroute(REGISTER)
    page.keyboard.press("Enter")
    registered_user_id(page)


def test_a_busy_service_is_asked_again_after_its_retry_after(page: Page) -> None:
    stop_the_clock(page)
    sent = sent_registrations(page)
    fill(page, somebody())
    page.route(REGISTER, answering(503, BUSY, Retry_After="7"))
    submit(page)
    expect(page.get_by_role("alert").get_by_text("We try again in 7 seconds.")).to_be_visible()
    expect(page.get_by_text("Reference: r-503")).to_be_visible()
    save_screenshot(page, "busy")

    page.unroute(REGISTER)
    page.clock.run_for(6_999)
    assert len(sent) == 1
    page.clock.run_for(1)

    registered_user_id(page)
    assert len(set(idempotency_keys(sent))) == 1


def test_a_service_that_stays_busy_is_not_asked_until_the_person_asks(page: Page) -> None:
    stop_the_clock(page)
    sent = sent_registrations(page)
    fill(page, somebody())
    # API Gateway's own throttle: no problem details, no Retry-After.
    page.route(REGISTER, answering(429, {"message": "Too Many Requests"}))
    submit(page)
    for attempt in range(1, 4):
        expect(page.get_by_role("alert").get_by_text("We try again in 5 seconds.")).to_be_visible()
        assert len(sent) == attempt
        page.clock.run_for(5_000)
    expect(page.get_by_role("alert").get_by_text("Try again in a while")).to_be_visible()
    page.clock.run_for(120_000)
    assert len(sent) == 4

    page.unroute(REGISTER)
    page.get_by_role("button", name="Try again").click()

    registered_user_id(page)


def test_changing_the_form_ends_the_wait_and_starts_another_registration(page: Page) -> None:
    stop_the_clock(page)
    sent = sent_registrations(page)
    person = somebody()
    fill(page, person)
    page.route(REGISTER, answering(503, BUSY, Retry_After="3"))
    submit(page)
    expect(page.get_by_role("alert")).to_be_visible()

    field(page, "name").fill("Eve")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.clock.run_for(10_000)
    assert len(sent) == 1
    page.unroute(REGISTER)
    submit(page)

    registered_user_id(page)
    first_key, second_key = idempotency_keys(sent)
    assert first_key != second_key


def test_a_server_error_shows_the_request_id_and_keeps_the_details(page: Page) -> None:
    sent = sent_registrations(page)
    person = somebody()
    fill(page, person)
    page.route(REGISTER, answering(500, {**BUSY, "status": 500, "requestId": "r-500"}))
    submit(page)
    expect(page.get_by_role("alert").get_by_text("Something went wrong on our side.")).to_be_visible()
    expect(page.get_by_text("Reference: r-500")).to_be_visible()
    expect(field(page, "email")).to_have_value(person["email"])

    page.unroute(REGISTER)
    page.get_by_role("button", name="Try again").click()

    registered_user_id(page)
    assert len(set(idempotency_keys(sent))) == 1


def test_a_refusal_of_the_whole_request_is_shown_in_its_own_words(page: Page) -> None:
    title, detail = "The Idempotency-Key was used with another body", "Send a new Idempotency-Key with a new body."
    problem = {"type": "urn:userstream:problem:idempotency-key-reused", "title": title, "status": 422}
    sent = sent_registrations(page)
    fill(page, somebody())
    page.route(REGISTER, answering(422, {**problem, "detail": detail, "requestId": "r-422"}))
    submit(page)
    alert = page.get_by_role("alert")
    expect(alert.get_by_text(title)).to_be_visible()
    expect(alert.get_by_text(detail)).to_be_visible()

    # The next attempt has another key.
    page.unroute(REGISTER)
    submit(page)
    registered_user_id(page)
    first_key, second_key = idempotency_keys(sent)
    assert first_key != second_key


@pytest.mark.parametrize("errors", [{"email": "no"}, "no", [None, {"title": "no"}]])
def test_a_refusal_in_another_format_is_shown(page: Page, errors: object) -> None:
    fill(page, somebody())
    page.route(REGISTER, answering(403, {"title": "Blocked by a proxy", "errors": errors}))
    submit(page)

    alert = page.get_by_role("alert")
    expect(alert.get_by_text("Blocked by a proxy")).to_be_visible()
    expect(alert.get_by_text("undefined")).to_be_hidden()


def test_a_response_that_is_not_the_services_is_an_error(page: Page) -> None:
    fill(page, somebody())
    page.route(REGISTER, answering(200, "a captive portal"))
    submit(page)

    expect(page.get_by_role("alert").get_by_text("Something went wrong on our side.")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, {}, "config.json was answered with 404"),
        (200, {"environment": "local", "region": "eu-west-1"}, "config.json names no apiUrl"),
        (200, {"environment": "local", "region": "r", "apiUrl": "http://a", "attributes": []}, "names no attributes"),
        (200, "not an object", "config.json names no environment"),
    ],
)
def test_a_page_without_its_configuration_says_so_and_tries_again(
    open_page: OpenPage, status: int, body: object, words: str
) -> None:
    page = open_page()
    page.route("**/config.json", answering(status, body))
    page.reload()
    expect(page.get_by_role("alert").get_by_text(words)).to_be_visible()
    expect(page.get_by_role("button", name="Register", exact=True)).to_be_hidden()

    page.unroute("**/config.json")
    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#environment")).to_be_visible()
    register(page, somebody())


def test_an_unanswered_registration_is_kept_while_the_configuration_is_missing(page: Page) -> None:
    sent = sent_registrations(page)
    fill(page, somebody())
    page.route(REGISTER, lambda route: route.abort())
    submit(page)
    expect(page.get_by_role("alert")).to_be_visible()
    page.unroute(REGISTER)
    page.route("**/config.json", answering(503))
    page.reload()
    expect(page.get_by_role("alert").get_by_text("config.json was answered with 503")).to_be_visible()

    page.unroute("**/config.json")
    page.evaluate("dispatchEvent(new Event('online'))")

    registered_user_id(page)
    assert len(set(idempotency_keys(sent))) == 1


def test_a_configuration_that_does_not_load_is_reported_after_a_timeout(page: Page) -> None:
    # AbortSignal.timeout doesn't follow the page's clock.
    page.add_init_script(
        "const wait = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = (ms) => wait(ms / 100)"
    )
    page.route("**/config.json", lambda _route: None)
    page.reload()
    expect(page.get_by_role("alert").get_by_text("config.json could not be read")).to_be_visible()
