import re

import pytest
from playwright.sync_api import Page, Route, expect

from functions.users.attributes import ATTRIBUTES, Attribute
from infra.site_config import site_attributes
from tests.browser.conftest import OpenPage, save_screenshot
from tests.support.browser.registration_page import (
    REGISTER,
    answering,
    field,
    field_error,
    fill,
    idempotency_keys,
    register,
    registered_facts,
    registered_user_id,
    sent_registrations,
    somebody,
    submit,
)
from tests.support.local.local_stack import LocalStack
from tests.support.users.declarations import NICKNAME


def test_the_page_says_which_environment_it_registers_in(page: Page, local_stack: LocalStack) -> None:
    expect(page.get_by_text(f"{local_stack.outputs.environment} · {local_stack.outputs.region}")).to_be_visible()
    expect(page).to_have_title("Register · userstream · local")


def test_a_person_registers(page: Page) -> None:
    person = somebody()
    save_screenshot(page, "form")

    user_id = register(page, person)

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", user_id)
    expect(page.get_by_role("heading", name="You are registered")).to_be_focused()
    labels = {each.name: each.label for each in ATTRIBUTES}
    shown = {labels[name]: value for name, value in person.items()}
    assert registered_facts(page) == {**shown, "User ID": user_id}
    page.get_by_role("button", name="Register someone else").click()
    expect(field(page, "name")).to_be_focused()
    expect(field(page, "name")).to_have_value("")


def test_html_in_a_name_is_shown_as_text(page: Page) -> None:
    name = "<img src=x onerror=alert(1)>"

    register(page, somebody(name=name))

    assert registered_facts(page)["Name"] == name


def test_a_taken_email_and_username_are_shown_at_their_fields(page: Page) -> None:
    taken = somebody()
    register(page, taken)
    page.get_by_role("button", name="Register someone else").click()

    fill(page, taken)
    submit(page)

    assert "taken" in field_error(page, "email")
    assert "taken" in field_error(page, "username")
    expect(field(page, "email")).to_be_focused()
    expect(field(page, "name")).not_to_have_attribute("aria-invalid", "true")
    save_screenshot(page, "taken")


@pytest.mark.parametrize("name", ["email", "username"])
def test_a_taken_email_or_username_marks_only_its_own_field(page: Page, name: str) -> None:
    taken, other = somebody(), somebody()
    register(page, taken)
    page.get_by_role("button", name="Register someone else").click()

    fill(page, {**other, name: taken[name]})
    submit(page)

    assert "taken" in field_error(page, name)
    for own in other.keys() - {name}:
        expect(field(page, own)).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "x" * 201),
        ("name", "left\u202eright"),
        ("email", "alice"),
        ("email", f"{'a' * 65}@example.com"),
        ("username", "al"),
        ("username", "x" * 33),
        ("username", "al ice"),
        ("username", "-alice"),
        ("email", "a..b@example.com"),
        ("email", "joe@192.0.2.1"),
        ("name", "\u2800"),
        ("username", "\u0430dmin"),
    ],
)
def test_a_broken_rule_is_shown_at_its_field(page: Page, name: str, value: str) -> None:
    fill(page, somebody(**{name: value}))
    submit(page)

    label = next(each.label.lower() for each in ATTRIBUTES if each.name == name)
    error = field_error(page, name)
    # In the page's words: what is wrong with this value, and not the whole rule.
    assert label in error
    assert "Must be" not in error
    expect(field(page, name)).to_be_focused()
    field(page, name).press("End")
    page.keyboard.type("x")
    expect(field(page, name)).not_to_have_attribute("aria-invalid", "true")


def test_empty_fields_are_shown_at_once_without_a_request(page: Page) -> None:
    sent = sent_registrations(page)
    submit(page)

    required = [each for each in ATTRIBUTES if each.required]
    for attribute in required:
        assert field_error(page, attribute.name) == f"Enter your {attribute.label.lower()}."
    expect(field(page, "name")).to_be_focused()
    expect(page.get_by_role("status").get_by_text(f"{len(required)} details need your attention.")).to_be_attached()
    assert sent == []


def test_pasted_spaces_are_removed_visibly(page: Page) -> None:
    person = somebody()
    fill(page, {name: f" {value}\t" for name, value in person.items()})
    submit(page)
    user_id = registered_user_id(page)

    assert [*registered_facts(page).values()] == [*person.values(), user_id]


def test_an_internationalized_address_is_shown_as_typed(page: Page) -> None:
    person = somebody()
    email = person["email"].split("@")[0] + "@B\u00fccher.example"

    register(page, {**person, "email": email})

    assert registered_facts(page)["Email"] == email


def test_a_double_click_registers_once(page: Page) -> None:
    sent = sent_registrations(page)
    fill(page, somebody())

    page.get_by_role("button", name="Register", exact=True).dblclick()
    page.keyboard.press("Enter")

    registered_user_id(page)
    assert len(sent) == 1


def test_the_form_waits_for_what_it_asks_for(page: Page) -> None:
    waiting: list[Route] = []

    def hold_back(route: Route) -> None:
        waiting.append(route)

    page.route("**/config.json", hold_back)
    page.reload()
    expect(page.get_by_text("Loading the form…")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_count(0)
    expect(page.get_by_role("button", name="Register", exact=True)).to_be_hidden()

    waiting[0].continue_()

    expect(page.get_by_role("button", name="Register", exact=True)).to_be_visible()
    expect(page.get_by_text("Loading the form…")).to_be_hidden()
    register(page, somebody())


@pytest.mark.parametrize("attribute", [each for each in ATTRIBUTES if each.accepted], ids=lambda each: each.name)
def test_each_declared_attribute_is_asked_for_as_it_is_declared(page: Page, attribute: Attribute) -> None:
    asked = field(page, attribute.name)

    expect(asked).to_have_attribute("type", attribute.form.type)
    expect(asked).to_have_attribute("autocomplete", attribute.form.autocomplete)
    assert asked.evaluate("(input) => input.required") == attribute.required
    expect(asked).to_have_accessible_description(attribute.hint)


(NICKNAME_FIELD,) = site_attributes([NICKNAME._replace(help="Up to {maximum} letters.")])


def test_an_optional_attribute_is_marked_and_left_out_when_it_is_empty(page: Page) -> None:
    def with_nickname(route: Route) -> None:
        config = route.fetch().json()
        route.fulfill(json={**config, "attributes": [*config["attributes"], NICKNAME_FIELD.model_dump()]})

    page.route("**/config.json", with_nickname)
    page.reload()
    nickname = page.get_by_label("Nickname (optional)", exact=True)
    expect(nickname).to_have_accessible_description("Up to 30 letters.")
    sent = sent_registrations(page)
    person = somebody()
    fill(page, person)
    submit(page)
    registered_user_id(page)
    page.get_by_role("button", name="Register someone else").click()
    other = somebody()
    fill(page, other)
    nickname.fill(" Al ")
    page.route(REGISTER, answering(201, {"userId": "7"}))
    submit(page)
    registered_user_id(page)

    assert [request.post_data_json for request in sent] == [person, {**other, "nickname": "Al"}]
    assert registered_facts(page)["Nickname"] == "Al"


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
    expect(field(page, "email")).to_have_value(person["email"])
    save_screenshot(page, "reload")
    page.get_by_role("button", name="Send again").click()

    assert registered_user_id(page) == answers[0]
    first_key, second_key = idempotency_keys(sent)
    assert first_key == second_key


def test_the_page_works_by_keyboard_alone(page: Page) -> None:
    person = somebody()
    expect(page.get_by_role("button", name="Register", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    for value in (person.get(each.name, "") for each in ATTRIBUTES if each.accepted):
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus shows"
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Register", exact=True)).to_be_focused()
    page.keyboard.press("Enter")

    registered_user_id(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Register someone else")).to_be_focused()
    page.keyboard.press("Space")
    expect(field(page, "name")).to_be_focused()


@pytest.mark.parametrize("width", [320, 390])
def test_the_page_fits_a_phone(open_page: OpenPage, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 740}, has_touch=True, is_mobile=True)
    fill(page, somebody())
    field(page, "username").fill("x" * 33)
    page.get_by_role("button", name="Register", exact=True).tap()
    field_error(page, "username")
    save_screenshot(page, f"phone-{width}")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.get_by_role("button").all() + page.get_by_role("textbox").all():
        box = control.bounding_box()
        assert box is None or box["height"] >= 40, "a finger hits it"


def test_without_javascript_the_page_says_so(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)

    expect(page.get_by_text("This page needs JavaScript to send your registration")).to_be_visible()
