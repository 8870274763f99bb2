"""How contestants are compared: all must do the same work, and are measured in turn, A B A B ...

So a ratio compares ways and not tasks, and it holds when the machine's speed drifts.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

Samples = dict[str, list[float]]
"""Values by contestant, one per round."""

_TIMES = ("createdAt", "updatedAt")


def in_turn(contestants: Mapping[str, Callable[[], float]], *, rounds: int) -> Samples:
    """Call each contestant once a round, after one round that isn't counted; return the results."""
    for measure in contestants.values():
        measure()
    results: Samples = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            results[name].append(measure())
    return results


class OtherWorkError(RuntimeError):
    """A contestant did something else than it is measured for."""


def require_same_work(works: Mapping[str, object]) -> None:
    """Compare what each contestant did with what the first one did.

    Raises:
        OtherWorkError: One did something else.
    """
    (ours, expected), *others = works.items()
    for name, work in others:
        if work != expected:
            shown = "\n".join(json.dumps(each, indent=1, default=str)[:4000] for each in (work, expected))
            raise OtherWorkError(f"{name} did other work than {ours}:\n{shown}")


def registration(effects: Mapping[str, Any]) -> object:
    """Return a registration's answer and the items of its one transaction, without ids and times.

    Args:
        effects: Of `Contestant.effects`.

    Raises:
        OtherWorkError: An item belongs to another user, has no times, or could be written over
            another user's item.
    """
    body = json.loads(effects["answer"]["body"])
    user_id = body.pop("userId")
    ((operation, request),) = effects["requests"]
    items = [put["Put"] for put in request["TransactItems"]]
    return {
        "status": effects["answer"]["statusCode"],
        "body": body,
        "operation": operation,
        "items": [(put["TableName"], _without_ids_and_times(put, user_id)) for put in items],
    }


def _without_ids_and_times(put: Mapping[str, Any], user_id: str) -> dict[str, Any]:
    item = put["Item"]
    if item["userId"] != {"S": user_id}:
        raise OtherWorkError(f"an item of another user than {user_id}: {item}")
    # Each contestant words its condition differently, but without one nothing is unique.
    if "attribute_not_exists(" not in put.get("ConditionExpression", ""):
        raise OtherWorkError(f"an item that would be written over another user's: {put}")
    times = {name: "a time" for name in _TIMES if item.get(name, {}).get("S")}
    return {name: value for name, value in item.items() if name != "userId"} | times


def logged_and_kept(effects: Mapping[str, Any]) -> object:
    """Return the message and the image of each line that a batch logged, and its Activity items."""
    lines: list[object] = []
    for line in effects["log"]:
        image = next(line[name] for name in ("image", "new", "old") if name in line)
        lines.append((line["message"], {name: str(value) for name, value in image.items()}))
    items: list[object] = []
    for operation, request in effects["requests"]:
        if operation == "PutItem":
            items.append((request["TableName"], request["Item"]))
        else:
            items += [
                (table, put["PutRequest"]["Item"]) for table, puts in request["RequestItems"].items() for put in puts
            ]
    return lines, items
