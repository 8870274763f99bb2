"""What the engine asks of a provider, answered in plain values by the resource kinds of local/resources."""

from collections.abc import Callable
from dataclasses import dataclass

from pulumi.runtime.rpc import UNKNOWN

from guardrails.aws_types import InputProblem, UnknownResourceTypeError, input_problems, property_names
from local.provider_plugin.wire_values import same_value
from local.resources.clients import Clients
from local.resources.kind import Properties, ResourceError, ResourceKind

KindOf = Callable[[str], ResourceKind]
"""From a Pulumi type to its kind; raises UnsupportedTypeError."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a change of inputs means for a resource.

    Attributes:
        changed: names of the inputs that differ.
        replacing: those of them whose change takes a new resource.
    """

    changed: list[str]
    replacing: list[str]


@dataclass(frozen=True, kw_only=True)
class LiveResource:
    """A resource as it is now.

    Attributes:
        properties: all it has.
        inputs: what would have to be asked for to get it.
    """

    properties: Properties
    inputs: Properties


@dataclass(frozen=True)
class EmulatorProvider:
    """The provider.

    Attributes:
        kind_of: the resource kinds.
    """

    kind_of: KindOf

    def check(self, token: str, inputs: Properties) -> list[InputProblem]:
        """Everything that is wrong with a resource's inputs, by the provider's types and by what the kind can do."""
        try:
            kind = self.kind_of(token)
            problems = input_problems(token, inputs)
            if not problems:
                kind.check(inputs)
        except (ResourceError, UnknownResourceTypeError) as error:
            return [InputProblem(path="", reason=str(error))]
        return problems

    def difference(self, token: str, old_inputs: Properties, new_inputs: Properties) -> Difference:
        """Compare what was asked for last time with what is asked for now.

        Not with the old outputs, in which a service's default looks like a change. Drift shows nonetheless: `refresh`
        makes what the service says the old inputs.
        """
        names = sorted(old_inputs.keys() | new_inputs.keys())
        changed = [name for name in names if not same_value(old_inputs.get(name), new_inputs.get(name))]
        replace_on = self.kind_of(token).replace_on
        return Difference(changed=changed, replacing=[name for name in changed if name in replace_on])

    def preview_create(self, token: str, inputs: Properties) -> Properties:
        """What is known of a resource before it is made: its inputs, and that the rest is unknown."""
        return {**dict.fromkeys(property_names(token) - inputs.keys(), UNKNOWN), **inputs}

    def preview_update(self, token: str, old: Properties, new: Properties) -> Properties:
        """What is known of a resource before it is changed: what it was and will be, but not what AWS makes anew."""
        renewed = self.kind_of(token).renewed
        # An input that isn't set is told as false by the service.
        changed = [name for name in renewed if not same_value(old.get(name) or None, new.get(name) or None)]
        unknown = {output for name in changed for output in renewed[name]}
        return {**old, **new, **dict.fromkeys(unknown, UNKNOWN)}

    def create(self, clients: Clients, token: str, inputs: Properties) -> tuple[str, Properties]:
        """Make a resource; its id and all its properties."""
        return self.kind_of(token).create(clients, inputs)

    def read(
        self, clients: Clients, token: str, resource_id: str, state: Properties, inputs: Properties
    ) -> LiveResource | None:
        """A resource as it is now, or None where it is gone.

        Args:
            clients: of the emulator.
            token: its type.
            resource_id: its id.
            state: its properties as last known; none while it is being imported.
            inputs: what it was last asked to be; none while it is being imported.
        """
        kind = self.kind_of(token)
        live = kind.read(clients, resource_id, {**inputs, **state})
        if live is None:
            return None
        return LiveResource(
            properties=live, inputs={name: live[name] for name in _asked_for(kind, live, state, inputs)}
        )

    def update(self, clients: Clients, token: str, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Change a resource in place; all its properties."""
        return self.kind_of(token).update(clients, resource_id, old, new)

    def delete(self, clients: Clients, token: str, resource_id: str, state: Properties) -> None:
        """Take a resource away."""
        self.kind_of(token).delete(clients, resource_id, state)


def _asked_for(kind: ResourceKind, live: Properties, state: Properties, inputs: Properties) -> set[str]:
    """The properties that a resource's inputs are: also those that nobody asked for and somebody has changed.

    They are the service's own choice until they are another than they were; then an update has to set them back.
    """
    told = kind.supported & live.keys()
    if not inputs:
        return set(told)
    changed = {name for name in told - kind.shared if not same_value(state.get(name), live[name])}
    return (inputs.keys() & live.keys()) | changed
