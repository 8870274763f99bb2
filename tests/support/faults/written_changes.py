"""Random changes of many users, written to the Users table past the API, as fast as the table takes them."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

from local.state import clients_of
from tests.support.local_stack import LocalStack

STUBBORN = "stubborn"
"""In the name of a user whose changes the Activity table does not take while there are faults."""

POISONED_VERSION = 2
ITEMS_PER_CALL = 25
WRITERS = 4

Write = dict[str, Any]


def write_changes(stack: LocalStack, changes: int, seed: int, stubborn: int) -> None:
    """Write so many changes, each user's in order.

    Args:
        stack: Where.
        changes: How many.
        seed: Of all that is random.
        stubborn: How many of them nobody can process while there are faults.
    """
    dynamodb, table = clients_of(stack).dynamodb, stack.outputs.users_table_name

    def write(lane: int) -> None:
        for call in _calls(changes // WRITERS + (lane < changes % WRITERS), seed, lane, stubborn if lane == 0 else 0):
            request: Any = {table: call}
            while request:
                request = dynamodb.batch_write_item(RequestItems=request).get("UnprocessedItems")

    with ThreadPoolExecutor(max_workers=WRITERS) as threads:
        list(threads.map(write, range(WRITERS)))


def _calls(changes: int, seed: int, lane: int, stubborn: int) -> list[list[Write]]:
    """Give a writer's calls; no user is twice in one, and each user is one writer's."""
    dice = Random(seed * WRITERS + lane)  # noqa: S311  a test's dice
    versions: dict[str, int] = {}
    users = [f"{seed:04}-{lane}-{number:05}" for number in range(max(ITEMS_PER_CALL, changes // 6))]
    calls: list[list[Write]] = []
    hard = set(dice.sample(range(changes), stubborn))
    written = 0
    while written < changes:
        call: list[Write] = []
        for user in dice.sample(users, min(ITEMS_PER_CALL, changes - written)):
            call.append(_write(user, versions, dice, is_stubborn=written in hard))
            written += 1
        calls.append(call)
    return calls


def _write(user: str, versions: dict[str, int], dice: Random, *, is_stubborn: bool) -> Write:
    if user in versions and not is_stubborn and dice.random() < 0.1:
        del versions[user]
        return {"DeleteRequest": {"Key": {"userId": {"S": user}}}}
    versions[user] = versions.get(user, 0) + 1
    name = f"{STUBBORN if is_stubborn else 'user'} {versions[user]} {dice.random()}"
    texts = {"userId": user, "name": name, "email": f"{user}@example.com", "username": user}
    moments = dict.fromkeys(("createdAt", "updatedAt"), "2026-11-24T00:00:00.000Z")
    schema_version = POISONED_VERSION if not is_stubborn and dice.random() < 0.01 else 1
    numbers = {"version": versions[user], "schemaVersion": schema_version}
    item: dict[str, Any] = {name: {"S": text} for name, text in (texts | moments).items()}
    return {"PutRequest": {"Item": item | {name: {"N": str(number)} for name, number in numbers.items()}}}
