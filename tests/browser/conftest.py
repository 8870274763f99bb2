"""A headless Chromium, and a page of the local site that fails its test on a console error."""

import re
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.local.local_stack import LocalStack

ARTIFACTS = Path(__file__).resolve().parents[2] / "test-artifacts" / "browser"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

_PATIENCE_MILLISECONDS = 20_000
"""Limit of a step on a slow machine. A step that succeeds doesn't wait for it."""

expect.set_options(timeout=_PATIENCE_MILLISECONDS)

# No sandbox: CI runs as root. No background requests: nothing but the page may use the network.
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that the test failed, so that `open_page` takes a screenshot."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


# Not for the session: while Playwright's synchronous API lives, its event loop runs in this thread,
# and a test that runs a Pulumi program needs one of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH: install your system's package, e.g. apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site_url(local_stack: LocalStack) -> str:
    assert local_stack.outputs.website_url is not None
    return local_stack.outputs.website_url


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, site_url: str, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Open the site in a new context; pass keyword arguments to `Browser.new_context`."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_site(*, path: str = "/", **options: object) -> Page:
        context = browser.new_context(base_url=site_url, **options)  # pyright: ignore[reportArgumentType]  passed on
        context.set_default_timeout(_PATIENCE_MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: _note(message.type, message.text, complaints))
        page.goto(path)
        return page

    yield open_site

    for number, context in enumerate(contexts):
        if request.node.stash.get(_FAILED, False):
            for page in context.pages:
                save_screenshot(page, f"failed-{re.sub(r'[^a-zA-Z0-9]+', '-', request.node.name)}-{number}")
        context.close()
    assert complaints == [], "the browser's console has errors or warnings"


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()


def save_screenshot(page: Page, name: str) -> None:
    """Save a screenshot in test-artifacts/browser; docs/images has copies of some, made by hand."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)


def _note(kind: str, text: str, complaints: list[str]) -> None:
    # Chromium logs a refused registration too, whatever the page does about it.
    if kind in {"error", "warning"} and not text.startswith("Failed to load resource"):
        complaints.append(text)
