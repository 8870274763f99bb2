"""Holds every contestant to the same work before it is measured: the same answer, and the same effects."""

import json
from collections.abc import Mapping
from typing import Any

CHANGING = ("createdAt", "updatedAt")


class OtherWorkError(RuntimeError):
    """A contestant did something else than the first one: a ratio would compare tasks, not ways."""


def require_same_work(works: Mapping[str, object]) -> None:
    """Compare what each contestant did with what the first did.

    Raises:
        OtherWorkError: One did something else.
    """
    (ours, expected), *others = works.items()
    for name, work in others:
        if work != expected:
            raise OtherWorkError(f"{name} did other work than {ours}:\n{_shown(work)}\n{_shown(expected)}")


def registration(effects: Mapping[str, Any]) -> object:
    """Return what a registration did: its answer, and the items of its one transaction; ids and times made alike.

    Raises:
        OtherWorkError: An item is written over another user's, for another user, or without its times.
    """
    body = json.loads(effects["answer"]["body"])
    user_id = body.pop("userId")
    ((operation, request),) = effects["requests"]
    items = [put["Put"] for put in request["TransactItems"]]
    return {
        "status": effects["answer"]["statusCode"],
        "body": body,
        "operation": operation,
        "items": [(put["TableName"], _alike(put, user_id)) for put in items],
    }


def _alike(put: Mapping[str, Any], user_id: str) -> dict[str, Any]:
    item = put["Item"]
    if item["userId"] != {"S": user_id}:
        raise OtherWorkError(f"an item of another user than {user_id}: {item}")
    # In words of each contestant's own; but without any, nothing is unique.
    if "attribute_not_exists(" not in put.get("ConditionExpression", ""):
        raise OtherWorkError(f"an item that would be written over another user's: {put}")
    times = {name: "a time" for name in CHANGING if item.get(name, {}).get("S")}
    return {name: value for name, value in item.items() if name != "userId"} | times


def logged(effects: Mapping[str, Any]) -> object:
    """Return the lines of a batch, each its words and the image; what else a line tells is the contestant's own."""
    return [(line["message"], _texts(line)) for line in effects["log"]]


def _texts(line: Mapping[str, Any]) -> dict[str, str]:
    image = next(line[name] for name in ("image", "new", "old") if name in line)
    return {name: str(value) for name, value in image.items()}


def kept(effects: Mapping[str, Any]) -> object:
    """Return the items that a batch wrote to Activity, in one call or in many."""
    items: list[object] = []
    for operation, request in effects["requests"]:
        if operation == "PutItem":
            items.append((request["TableName"], request["Item"]))
        else:
            items += [
                (table, put["PutRequest"]["Item"]) for table, puts in request["RequestItems"].items() for put in puts
            ]
    return items


def _shown(work: object) -> str:
    return json.dumps(work, indent=1, default=str)[:4000]
