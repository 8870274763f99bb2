"""After an engine that was killed: its lock is taken away, and what it had begun to create is found again."""

from collections.abc import Mapping
from typing import Any, cast

from pulumi import automation

from local.engine.workspace import Workspace
from local.provider_plugin.created_resources import CreatedResources, PluginRunningError
from local.provider_plugin.wire_values import is_secret, json_values, plain_json
from local.resources.clients import Clients
from local.resources.kind import ResourceError
from local.resources.registry import kind_of

PLUGIN_SECONDS = 20.0
"""How long a plugin may take to end what its engine began."""


class StillRunningError(Exception):
    """The stack's engine runs; the message says what to do."""


def cancel(workspace: Workspace, stack: automation.Stack, clients: Clients) -> int:
    """Bring a stack's state in order, so that the next `up` completes what the killed one began.

    A resource that came to be, and that the engine didn't live to write down, gets into the state; one that didn't
    is forgotten, and the next `up` creates it. `pulumi refresh` does the same on AWS, by asking for each id.

    Args:
        workspace: the stack's.
        stack: of which no operation runs any more.
        clients: of the stack's region.

    Returns:
        How many resources were found again.

    Raises:
        StillRunningError: an operation does run.
    """
    try:
        ids = CreatedResources(workspace.created_file(stack.name)).ids_after_the_plugins(PLUGIN_SECONDS)
    except PluginRunningError as error:
        raise StillRunningError(
            f"an operation on stack '{stack.name}' still runs: end it first, with Ctrl-C"
        ) from error
    stack.cancel()
    exported = stack.export_stack()
    state: dict[str, Any] = dict(exported.deployment or {})
    pending = cast("list[dict[str, Any]]", state.pop("pending_operations", None) or [])
    begun: list[dict[str, Any]] = [each["resource"] for each in pending if each["type"] == "creating"]
    found = [made for resource in begun if (made := _as_it_is(clients, resource, ids.get(resource["urn"])))]
    if pending:
        state["resources"] = [*state["resources"], *found]
        stack.import_stack(automation.Deployment(exported.version, state))
    return len(found)


def _as_it_is(clients: Clients, resource: Mapping[str, Any], resource_id: str | None) -> dict[str, Any] | None:
    """A resource as the engine would have written it down, or None where there is none."""
    if resource_id is None:
        return None
    inputs = cast("Mapping[str, Any]", resource.get("inputs", {}))
    try:
        live = kind_of(resource["type"]).read(clients, resource_id, plain_json(inputs))
    except ResourceError:
        return None
    if live is None:
        return None
    secrets = {name: value for name, value in inputs.items() if is_secret(value)}
    return {**resource, "id": resource_id, "outputs": {**json_values(live), **secrets}}
