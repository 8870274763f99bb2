"""Whoever waits for a change is told of it, whatever thread it comes from, and of nothing else."""

import asyncio
import json
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any

import pytest

from local.emulator_changes import LOGS, MAPPINGS, PATH, RECORDS, TOPICS, Changes, telling

LONG = 60.0


async def asked(changes: Changes, query: str) -> Mapping[str, int]:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def nobody(*_: object) -> None:
        raise AssertionError("the emulator is asked")

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": PATH, "query_string": query.encode()}
    await telling(nobody, changes)(scope, None, send)
    assert sent[0]["status"] == 200
    return json.loads(sent[1]["body"])


def test_who_knows_nothing_is_answered_at_once() -> None:
    assert asyncio.run(asked(Changes(), "")).keys() == set(TOPICS)


def test_a_change_in_another_thread_ends_the_wait() -> None:
    changes = Changes()

    async def wait() -> Mapping[str, int]:
        waiting = asyncio.create_task(asked(changes, f"{RECORDS}=0"))
        await asyncio.sleep(0)
        thread = threading.Thread(target=changes.note, args=[RECORDS])
        thread.start()
        async with asyncio.timeout(LONG):
            return await waiting

    assert asyncio.run(wait())[RECORDS] != 0


def test_a_change_before_the_question_is_told_too() -> None:
    changes = Changes()

    async def ask_twice() -> tuple[Mapping[str, int], Mapping[str, int]]:
        known = await asked(changes, "")
        changes.note(LOGS)
        return known, await asked(changes, f"{LOGS}={known[LOGS]}&{RECORDS}={known[RECORDS]}")

    known, told = asyncio.run(ask_twice())
    assert (told[LOGS] != known[LOGS], told[RECORDS]) == (True, known[RECORDS])


def test_a_change_of_another_topic_ends_no_wait() -> None:
    changes = Changes()

    async def wait() -> Mapping[str, int]:
        waiting = asyncio.create_task(changes.wait({RECORDS: 0}, 0.2))
        await asyncio.sleep(0)
        changes.note(LOGS)
        return await waiting

    numbers = asyncio.run(wait())
    assert (numbers[RECORDS], numbers[LOGS] != 0) == (0, True)


def test_no_change_is_missed_while_several_threads_write() -> None:
    """Each thread writes on only after its change was seen."""
    changes, seen = Changes(), [threading.Event() for _ in range(8)]
    rounds = 50

    def write(number: int) -> None:
        for _ in range(rounds):
            seen[number].clear()
            changes.note(RECORDS)
            assert seen[number].wait(LONG)

    async def follow(threads: list[threading.Thread]) -> None:
        number = 0
        while any(thread.is_alive() for thread in threads):
            number = (await changes.wait({RECORDS: number}, 0.1))[RECORDS]
            for event in seen:
                event.set()

    threads = [threading.Thread(target=write, args=[number]) for number in range(len(seen))]
    for thread in threads:
        thread.start()
    asyncio.run(follow(threads))
    assert changes.number(RECORDS) == len(seen) * rounds


@pytest.mark.parametrize(
    ("method", "path", "target", "noted"),
    [
        ("POST", "/2015-03-31/event-source-mappings", "", True),
        ("PUT", "/2015-03-31/event-source-mappings/u", "", True),
        ("GET", "/2015-03-31/event-source-mappings", "", False),
        ("PUT", "/2015-03-31/functions/f/configuration", "", True),
        ("POST", "/2015-03-31/functions/f/invocations", "", False),
        ("POST", "/", "DynamoDB_20120810.UpdateTable", True),
        ("POST", "/", "DynamoDB_20120810.PutItem", False),
    ],
)
def test_requests_that_change_mappings_are_noted(method: str, path: str, target: str, *, noted: bool) -> None:
    changes = Changes()

    async def emulator(*_: object) -> None:
        return None

    scope = {"type": "http", "method": method, "path": path, "headers": [(b"X-Amz-Target", target.encode())]}
    asyncio.run(telling(emulator, changes)(scope, None, None))  # pyright: ignore[reportArgumentType]

    assert (changes.number(MAPPINGS) != 0) == noted
