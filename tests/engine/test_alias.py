"""A stack from before its functions were invoked through an alias."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from guardrails.resource import EVENT_SOURCE_MAPPING, FUNCTION, INTEGRATION, PERMISSION
from local.aws_clients import Clients
from tests.support.engine.engine_stack import EngineStack
from tests.support.engine.transforms import past_the_alias
from tests.support.raw_http import send


def mappings(account: Clients) -> dict[str, str]:
    found = account.lambda_.list_event_source_mappings()["EventSourceMappings"]
    return {each.get("UUID", ""): each.get("FunctionArn", "") for each in found}


@contextmanager
def asked_all_the_time(url: str) -> Generator[list[int]]:
    """Give the statuses of one request after another, until the block ends."""
    statuses: list[int] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            # Incomplete, so that the function answers and stores nothing.
            statuses.append(send(url, "POST", "/register", b"{}", {"content-type": "application/json"}).status)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        thread.join()


def test_an_existing_stack_goes_through_its_aliases_in_place_and_answers_meanwhile(
    own_prod: EngineStack, own_account: Clients
) -> None:
    # Packages for this machine, so that the functions answer.
    stack = replace(own_prod, settings={**own_prod.settings, "userstream:functionPlatform": "host"})
    url = stack.up(transform=past_the_alias).outputs["apiUrl"]
    before = mappings(own_account)
    assert not [arn for arn in before.values() if arn.endswith(":live")]

    with asked_all_the_time(url) as statuses:
        steps = stack.up()

    changed = {(name.partition(" ")[0], operation) for name, operation in steps.of_resources().items()}
    assert changed >= {(FUNCTION, "update"), (EVENT_SOURCE_MAPPING, "update"), (INTEGRATION, "update")}
    assert {token for token, operation in changed if operation not in {"update", "create"}} == {PERMISSION}
    assert mappings(own_account) == {uuid: f"{arn}:live" for uuid, arn in before.items()}
    assert set(statuses) == {422}
    assert stack.up().changes == {}
