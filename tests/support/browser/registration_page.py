"""What browser tests do on the page, and the responses that they give in the API's place."""

import json
from collections.abc import Callable, Mapping
from uuid import uuid4

from playwright.sync_api import Locator, Page, Request, Route, expect

from functions.users.attributes import ATTRIBUTES
from tests.support.users.people import registration

REGISTER = "**/register"


def somebody(**values: str) -> dict[str, str]:
    """Return a registration that no other test makes, with some values by attribute."""
    return registration(uuid4().int % 10**10, **values)


def field(page: Page, name: str) -> Locator:
    """Return an attribute's input, found by its label as a screen reader reads it."""
    (attribute,) = (each for each in ATTRIBUTES if each.name == name)
    label = attribute.label if attribute.required else f"{attribute.label} (optional)"
    return page.get_by_label(label, exact=True)


def fill(page: Page, person: Mapping[str, str]) -> None:
    for name, value in person.items():
        field(page, name).fill(value)


def registered_facts(page: Page) -> dict[str, str]:
    """Return what the page shows of a registered user, by its terms."""
    terms, descriptions = (page.locator(f"#registered-facts {tag}").all_inner_texts() for tag in ("dt", "dd"))
    return dict(zip(terms, descriptions, strict=True))


def submit(page: Page) -> None:
    page.get_by_role("button", name="Register", exact=True).click()


def register(page: Page, person: Mapping[str, str]) -> str:
    """Register, and return the user id that the page shows."""
    fill(page, person)
    submit(page)
    return registered_user_id(page)


def registered_user_id(page: Page) -> str:
    expect(page.get_by_role("heading", name="You are registered")).to_be_visible()
    return page.locator("#registered-user-id").inner_text()


def field_error(page: Page, name: str) -> str:
    """Return the text that a screen reader reads out after the field's hint."""
    invalid = field(page, name)
    expect(invalid).to_have_attribute("aria-invalid", "true")
    ids = (invalid.get_attribute("aria-describedby") or "").split()
    return page.locator(f"#{ids[-1]}").inner_text()


def sent_registrations(page: Page) -> list[Request]:
    """Return a list that grows with each POST /register of the page."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    return sent


def idempotency_keys(requests: list[Request]) -> list[str]:
    return [request.headers["idempotency-key"] for request in requests]


def answering(status: int, body: object = None, **headers: str) -> Callable[[Route], None]:
    """Return a handler for `page.route` that answers in the API's place, from another origin."""

    def answer(route: Route) -> None:
        cors = {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Headers": "*",
            "Access-Control-Expose-Headers": "Retry-After",
        }
        if route.request.method == "OPTIONS":
            route.fulfill(status=204, headers=cors)
            return
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        route.fulfill(
            status=status,
            headers={"Content-Type": "application/problem+json", **cors, **names},
            body=json.dumps(body) if body is not None else "",
        )

    return answer
