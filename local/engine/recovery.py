"""Repair a stack after its engine was killed, from what the plugins wrote down.

A killed engine knows that it began to create a resource, but not whether the resource was created.
On AWS `python -m infra.recover` looks for it; here the plugin, which outlives the engine by a
moment, has written its id down.
"""

import fcntl
import json
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from pulumi import automation

from local.aws_clients import Clients
from local.deploy.registry import handler_for
from local.deploy.values import ResourceError
from local.engine.wire_values import is_secret, json_value, plain_json
from local.state import try_lock

PATH_VARIABLE = "USERSTREAM_CREATED"
"""Environment variable that tells a plugin the file's path."""

_POLL_SECONDS = 0.1

_PLUGIN_SECONDS = 20.0
"""How long a plugin may take to complete what its engine began."""


class StillRunningError(Exception):
    """An operation on the stack still runs; the message says what to do."""


class CreatedResources:
    """A file of a stack: a line of JSON for each resource that the plugin's processes created."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Make `ids_after_plugins_end` wait while the block runs."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    def add(self, urn: str, resource_id: str) -> None:
        """Write down a resource."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"urn": urn, "id": resource_id}) + "\n")

    def ids_after_plugins_end(self, seconds: float) -> dict[str, str] | None:
        """Return URN to id once no plugin runs, or None if one still runs after `seconds`."""
        if not self._path.exists():
            return {}
        deadline = time.monotonic() + seconds
        with self._path.open(encoding="utf-8") as file:
            while not try_lock(file):
                if time.monotonic() > deadline:
                    return None
                time.sleep(_POLL_SECONDS)
            return {line["urn"]: line["id"] for line in map(json.loads, file)}


def recover(created_file: Path, stack: automation.Stack, clients: Clients) -> int:
    """Repair a stack's state after its engine was killed, so that the next `up` completes the work.

    It removes the lock. A resource that was created, but not recorded, is added to the state; one
    that wasn't created is forgotten.
    Return how many resources were added; raise StillRunningError if an operation on the stack is
    running.
    """
    ids = CreatedResources(created_file).ids_after_plugins_end(_PLUGIN_SECONDS)
    if ids is None:
        raise StillRunningError(f"an operation on stack '{stack.name}' still runs: end it first, with Ctrl-C")
    stack.cancel()
    exported = stack.export_stack()
    state: dict[str, Any] = dict(exported.deployment or {})
    pending = cast("list[dict[str, Any]]", state.pop("pending_operations", None) or [])
    if not pending:
        return 0
    begun: list[dict[str, Any]] = [each["resource"] for each in pending if each["type"] == "creating"]
    found = [made for resource in begun if (made := _with_outputs(clients, resource, ids.get(resource["urn"])))]
    state["resources"] = [*state["resources"], *found]
    stack.import_stack(automation.Deployment(exported.version, state))
    return len(found)


def _with_outputs(clients: Clients, resource: Mapping[str, Any], resource_id: str | None) -> dict[str, Any] | None:
    """Return a resource as the engine would have written it down, or None if it doesn't exist."""
    if resource_id is None:
        return None
    inputs = cast("Mapping[str, Any]", resource.get("inputs", {}))
    try:
        live = handler_for(resource["type"]).read(clients, resource_id, plain_json(inputs))
    except ResourceError:
        return None
    if live is None:
        return None
    secrets = {name: value for name, value in inputs.items() if is_secret(value)}
    return {**resource, "id": resource_id, "outputs": {**json_value(live), **secrets}}
