"""The page with a limit per client: it registers at its own origin, under the strictest headers."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.browser.page_behind_cloudfront import PageBehindCloudFront, page_behind_cloudfront
from tests.support.browser.registration_page import (
    fill,
    idempotency_keys,
    register,
    registered_user_id,
    sent_registrations,
    somebody,
    submit,
)
from tests.support.local.local_stack import LocalStack


@pytest.fixture
def site(local_stack: LocalStack) -> Iterator[PageBehindCloudFront]:
    with page_behind_cloudfront(local_stack.outputs) as running:
        yield running


def test_the_page_registers_at_its_own_origin_without_asking_for_permission(
    site: PageBehindCloudFront, open_page: OpenPage
) -> None:
    page = open_page(path=site.url)

    register(page, somebody())

    assert site.registrations == ["POST /register"]


def test_a_client_beyond_its_limit_waits_as_long_as_it_is_told_and_registers_once(
    site: PageBehindCloudFront, open_page: OpenPage
) -> None:
    page = open_page(path=site.url)
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    sent = sent_registrations(page)
    site.limited = 1
    fill(page, somebody())
    submit(page)
    expect(page.get_by_role("alert").get_by_text("60")).to_be_visible()
    assert len(sent) == 1

    page.clock.run_for(60_000)

    registered_user_id(page)
    assert site.registrations == ["POST /register"] * 2
    assert len(set(idempotency_keys(sent))) == 1
