import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage, save_screenshot
from tests.support.browser.registration_page import (
    REGISTER,
    Person,
    field_error,
    fill,
    idempotency_keys,
    register,
    registered_user_id,
    sent_registrations,
    somebody,
    submit,
)
from tests.support.local.local_stack import LocalStack


def test_the_page_says_which_environment_it_registers_in(page: Page, local_stack: LocalStack) -> None:
    expect(page.get_by_text(f"{local_stack.outputs.environment} · {local_stack.outputs.region}")).to_be_visible()
    expect(page).to_have_title("Register · userstream · local")


def test_a_person_registers(page: Page) -> None:
    person = somebody()
    save_screenshot(page, "form")

    user_id = register(page, person)

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", user_id)
    expect(page.get_by_role("heading", name="You are registered")).to_be_focused()
    expect(page.get_by_text(f"Your username is {person.username}")).to_be_visible()
    page.get_by_role("button", name="Register someone else").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.get_by_label("Name", exact=True)).to_have_value("")


def test_html_in_a_name_is_shown_as_text(page: Page) -> None:
    person = somebody()
    name = "<img src=x onerror=alert(1)>"

    register(page, Person(name=name, email=person.email, username=person.username))

    expect(page.get_by_text(f"Welcome, {name}.")).to_be_visible()


def test_a_taken_email_and_username_are_shown_at_their_fields(page: Page) -> None:
    taken = somebody()
    register(page, taken)
    page.get_by_role("button", name="Register someone else").click()

    fill(page, taken)
    submit(page)

    assert "taken" in field_error(page, "Email")
    assert "taken" in field_error(page, "Username")
    expect(page.get_by_label("Email")).to_be_focused()
    expect(page.get_by_label("Name", exact=True)).not_to_have_attribute("aria-invalid", "true")
    save_screenshot(page, "taken")


@pytest.mark.parametrize("field", ["email", "username"])
def test_a_taken_email_or_username_marks_only_its_own_field(page: Page, field: str) -> None:
    taken, other = somebody(), somebody()
    register(page, taken)
    page.get_by_role("button", name="Register someone else").click()

    values = {"name": other.name, "email": other.email, "username": other.username, field: getattr(taken, field)}
    fill(page, Person(**values))
    submit(page)

    assert "taken" in field_error(page, field.capitalize())
    other_field = {"email": "Username", "username": "Email"}[field]
    expect(page.get_by_label(other_field, exact=True)).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("Name", "x" * 201),
        ("Name", "left\u202eright"),
        ("Email", "alice"),
        ("Email", f"{'a' * 65}@example.com"),
        ("Username", "al"),
        ("Username", "x" * 33),
        ("Username", "al ice"),
        ("Username", "-alice"),
    ],
)
def test_a_broken_rule_is_shown_at_its_field(page: Page, label: str, value: str) -> None:
    fill(page, somebody())
    page.get_by_label(label, exact=True).fill(value)
    submit(page)

    assert field_error(page, label).startswith("Must be")
    expect(page.get_by_label(label, exact=True)).to_be_focused()
    page.get_by_label(label, exact=True).press("End")
    page.keyboard.type("x")
    expect(page.get_by_label(label, exact=True)).not_to_have_attribute("aria-invalid", "true")


def test_empty_fields_are_shown_at_once_without_a_request(page: Page) -> None:
    sent = sent_registrations(page)
    submit(page)

    assert field_error(page, "Name") == "Enter a name."
    assert field_error(page, "Email") == "Enter an email address."
    assert field_error(page, "Username") == "Enter a username."
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.get_by_role("status").get_by_text("3 details need your attention.")).to_be_attached()
    assert sent == []


def test_pasted_spaces_are_removed_visibly(page: Page) -> None:
    person = somebody()
    fill(page, Person(name=f"  {person.name} ", email=f" {person.email} ", username=f"{person.username}\t"))
    submit(page)
    registered_user_id(page)

    expect(page.get_by_text(f"Welcome, {person.name}. Your username is {person.username}.")).to_be_visible()


def test_a_double_click_registers_once(page: Page) -> None:
    sent = sent_registrations(page)
    fill(page, somebody())

    page.get_by_role("button", name="Register", exact=True).dblclick()
    page.keyboard.press("Enter")

    registered_user_id(page)
    assert len(sent) == 1


def test_a_click_before_the_configuration_has_loaded_is_kept(page: Page) -> None:
    waiting: list[Route] = []

    def hold_back(route: Route) -> None:
        waiting.append(route)

    page.route("**/config.json", hold_back)
    page.reload()
    fill(page, somebody())
    submit(page)
    expect(page.get_by_role("button", name="Registering…")).to_be_visible()
    expect(page.locator("#environment")).to_be_hidden()

    waiting[0].continue_()

    registered_user_id(page)


def test_a_reload_before_the_answer_registers_once(page: Page) -> None:
    sent = sent_registrations(page)
    answers: list[str] = []

    def lose_the_answer(route: Route) -> None:
        if route.request.method == "POST":
            answers.append(route.fetch().json()["userId"])
        else:
            route.continue_()

    person = somebody()
    fill(page, person)
    page.route(REGISTER, lose_the_answer)
    submit(page)
    expect(page.get_by_role("button", name="Registering…")).to_be_visible()
    while not answers:
        page.wait_for_timeout(20)
    page.reload()
    page.unroute(REGISTER)

    expect(page.get_by_text("Your registration has no answer yet.")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(person.email)
    save_screenshot(page, "reload")
    page.get_by_role("button", name="Send again").click()

    assert registered_user_id(page) == answers[0]
    first_key, second_key = idempotency_keys(sent)
    assert first_key == second_key


def test_the_page_works_by_keyboard_alone(page: Page) -> None:
    person = somebody()
    page.keyboard.press("Tab")
    for value in (person.name, person.email, person.username):
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus shows"
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Register", exact=True)).to_be_focused()
    page.keyboard.press("Enter")

    registered_user_id(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Register someone else")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()


@pytest.mark.parametrize("width", [320, 390])
def test_the_page_fits_a_phone(open_page: OpenPage, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 740}, has_touch=True, is_mobile=True)
    fill(page, somebody())
    page.get_by_label("Username", exact=True).fill("x" * 33)
    page.get_by_role("button", name="Register", exact=True).tap()
    field_error(page, "Username")
    save_screenshot(page, f"phone-{width}")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.get_by_role("button").all() + page.get_by_role("textbox").all():
        box = control.bounding_box()
        assert box is None or box["height"] >= 40, "a finger hits it"


def test_without_javascript_the_page_says_so(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)

    expect(page.get_by_text("This page needs JavaScript to send your registration")).to_be_visible()
