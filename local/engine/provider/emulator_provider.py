"""What the engine asks of a provider beside calls to AWS: checks, differences, previews, drift."""

from typing import NamedTuple

from pulumi.runtime.rpc import UNKNOWN

from guardrails.aws_types import InputProblem, UnknownResourceTypeError, input_problems, property_names
from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler
from local.deploy.resources.registry import handler_for
from local.deploy.resources.resource_errors import ResourceError
from local.engine.provider.wire_values import same_value


class Difference(NamedTuple):
    """What a change of inputs means for a resource."""

    changed: list[str]
    """Names of the inputs that differ."""
    replacing: list[str]
    """Those whose change replaces the resource."""


class LiveResource(NamedTuple):
    """A resource as it is now."""

    properties: Properties
    inputs: Properties
    """What a program would have to ask for to get it."""


def check(token: str, inputs: Properties) -> list[InputProblem]:
    """Check inputs by the AWS provider's types, then by what the resource handler supports."""
    try:
        handler = handler_for(token)
        problems = input_problems(token, inputs)
        if not problems:
            handler.check(inputs)
    except (ResourceError, UnknownResourceTypeError) as error:
        return [InputProblem(path="", reason=str(error))]
    return problems


def difference(token: str, old_inputs: Properties, new_inputs: Properties) -> Difference:
    """Compare the last inputs with the new ones.

    Not with the old outputs, in which a service's default looks like a change. Drift shows
    nonetheless, because `refresh` makes the service's values the old inputs.
    """
    names = sorted(old_inputs.keys() | new_inputs.keys())
    changed = [name for name in names if not same_value(old_inputs.get(name), new_inputs.get(name))]
    replace_on = handler_for(token).replace_on
    return Difference(changed, [name for name in changed if name in replace_on])


def preview_create(token: str, inputs: Properties) -> Properties:
    """Return the inputs; every other property is unknown before the resource is created."""
    return {**dict.fromkeys(property_names(token) - inputs.keys(), UNKNOWN), **inputs}


def preview_update(token: str, old: Properties, new: Properties) -> Properties:
    """Return the properties after an update; outputs that AWS computes again are unknown."""
    recomputed = handler_for(token).recomputed
    # For an input that isn't set, the service returns false.
    changed = [name for name in recomputed if not same_value(old.get(name) or None, new.get(name) or None)]
    unknown = {output for name in changed for output in recomputed[name]}
    return {**old, **new, **dict.fromkeys(unknown, UNKNOWN)}


def read(clients: Clients, token: str, resource_id: str, state: Properties, inputs: Properties) -> LiveResource | None:
    """Return a resource as it is now, or None if it doesn't exist.

    `state` and `inputs` are its last known properties and inputs; both are empty during an import.
    """
    handler = handler_for(token)
    live = handler.read(clients, resource_id, {**inputs, **state})
    if live is None:
        return None
    return LiveResource(live, {name: live[name] for name in _input_names(handler, live, state, inputs)})


def _input_names(handler: ResourceHandler, live: Properties, state: Properties, inputs: Properties) -> set[str]:
    """Return which properties count as inputs: also one that no program set and somebody changed.

    Until then its value was the service's choice; now an update has to set it back.
    """
    returned = set(handler.supported & live.keys())
    if not inputs:
        return returned
    changed = {name for name in returned - handler.co_owned if not same_value(state.get(name), live[name])}
    return (inputs.keys() & live.keys()) | changed
