"""What browser tests do on the page, and the responses that they give in the API's place."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from playwright.sync_api import Page, Request, Route, expect

REGISTER = "**/register"


@dataclass(frozen=True, kw_only=True)
class Person:
    name: str
    email: str
    username: str


def somebody() -> Person:
    """Return a person whom no other test registers."""
    unique = uuid4().hex[:12]
    return Person(name="Alice", email=f"alice.{unique}@example.com", username=f"alice-{unique}")


def fill(page: Page, person: Person) -> None:
    page.get_by_label("Name", exact=True).fill(person.name)
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Username", exact=True).fill(person.username)


def submit(page: Page) -> None:
    page.get_by_role("button", name="Register", exact=True).click()


def register(page: Page, person: Person) -> str:
    """Register, and return the user id that the page shows."""
    fill(page, person)
    submit(page)
    return registered_user_id(page)


def registered_user_id(page: Page) -> str:
    expect(page.get_by_role("heading", name="You are registered")).to_be_visible()
    return page.locator("#registered-user-id").inner_text()


def field_error(page: Page, label: str) -> str:
    """Return the text that a screen reader reads out after the field's hint."""
    field = page.get_by_label(label, exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    ids = (field.get_attribute("aria-describedby") or "").split()
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
