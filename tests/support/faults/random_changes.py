"""Random changes of many users, written to the Users table as fast as it takes them."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

from local.state import clients_of
from tests.support.local.local_stack import LocalStack

DENIED = "denied"
"""In the name of a user whose changes the Activity table denies while faults are on."""

UNSUPPORTED_SCHEMA_VERSION = 2
ITEMS_PER_CALL = 25
WRITERS = 4

Write = dict[str, Any]


def write_changes(stack: LocalStack, changes: int, seed: int, denied: int) -> None:
    """Write changes with several writers, each user's changes in order.

    Args:
        stack: The stack whose Users table is written to.
        changes: How many to write.
        seed: Of the users, the kinds of changes and the names.
        denied: How many of them the Activity table denies while faults are on.
    """
    dynamodb, table = clients_of(stack).dynamodb, stack.outputs.users_table_name

    def write(writer: int) -> None:
        share = changes // WRITERS + (writer < changes % WRITERS)
        for call in _calls(share, seed, writer, denied if writer == 0 else 0):
            request: Any = {table: call}
            while request:
                request = dynamodb.batch_write_item(RequestItems=request).get("UnprocessedItems")

    with ThreadPoolExecutor(max_workers=WRITERS) as threads:
        list(threads.map(write, range(WRITERS)))


def _calls(changes: int, seed: int, writer: int, denied: int) -> list[list[Write]]:
    """Return one writer's calls. A call has a user once at most, and writers share no user."""
    dice = Random(seed * WRITERS + writer)  # noqa: S311  a test's dice
    versions: dict[str, int] = {}
    users = [f"{seed:04}-{writer}-{number:05}" for number in range(max(ITEMS_PER_CALL, changes // 6))]
    calls: list[list[Write]] = []
    denied_positions = set(dice.sample(range(changes), denied))
    written = 0
    while written < changes:
        call: list[Write] = []
        for user in dice.sample(users, min(ITEMS_PER_CALL, changes - written)):
            call.append(_write(user, versions, dice, is_denied=written in denied_positions))
            written += 1
        calls.append(call)
    return calls


def _write(user: str, versions: dict[str, int], dice: Random, *, is_denied: bool) -> Write:
    if user in versions and not is_denied and dice.random() < 0.1:
        del versions[user]
        return {"DeleteRequest": {"Key": {"userId": {"S": user}}}}
    versions[user] = versions.get(user, 0) + 1
    name = f"{DENIED if is_denied else 'user'} {versions[user]} {dice.random()}"
    texts = {"userId": user, "name": name, "email": f"{user}@example.com", "username": user}
    moments = dict.fromkeys(("createdAt", "updatedAt"), "2026-11-24T00:00:00.000Z")
    schema_version = UNSUPPORTED_SCHEMA_VERSION if not is_denied and dice.random() < 0.01 else 1
    numbers = {"version": versions[user], "schemaVersion": schema_version}
    item: dict[str, Any] = {name: {"S": text} for name, text in (texts | moments).items()}
    return {"PutRequest": {"Item": item | {name: {"N": str(number)} for name, number in numbers.items()}}}
