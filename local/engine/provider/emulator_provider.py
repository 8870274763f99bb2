"""What the engine asks of a provider, answered in plain values by the resource handlers of local/deploy/resources."""

import fcntl
import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pulumi.runtime.rpc import UNKNOWN

from guardrails.aws_types import InputProblem, UnknownResourceTypeError, input_problems, property_names
from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceError, ResourceHandler
from local.engine.provider.wire_values import same_value

HandlerFor = Callable[[str], ResourceHandler]
"""From a Pulumi type to its handler; raises UnsupportedTypeError."""


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
        handler_for: the resource handlers.
    """

    handler_for: HandlerFor

    def check(self, token: str, inputs: Properties) -> list[InputProblem]:
        """Everything wrong with a resource's inputs, by the provider's types and the handler's support."""
        try:
            handler = self.handler_for(token)
            problems = input_problems(token, inputs)
            if not problems:
                handler.check(inputs)
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
        replace_on = self.handler_for(token).replace_on
        return Difference(changed=changed, replacing=[name for name in changed if name in replace_on])

    def preview_create(self, token: str, inputs: Properties) -> Properties:
        """What is known of a resource before it is made: its inputs, and that the rest is unknown."""
        return {**dict.fromkeys(property_names(token) - inputs.keys(), UNKNOWN), **inputs}

    def preview_update(self, token: str, old: Properties, new: Properties) -> Properties:
        """What is known of a resource before it is changed: what it was and will be, but not what AWS makes anew."""
        recomputed = self.handler_for(token).recomputed
        # An input that isn't set is told as false by the service.
        changed = [name for name in recomputed if not same_value(old.get(name) or None, new.get(name) or None)]
        unknown = {output for name in changed for output in recomputed[name]}
        return {**old, **new, **dict.fromkeys(unknown, UNKNOWN)}

    def create(self, clients: Clients, token: str, inputs: Properties) -> tuple[str, Properties]:
        """Make a resource; its id and all its properties."""
        return self.handler_for(token).create(clients, inputs)

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
        handler = self.handler_for(token)
        live = handler.read(clients, resource_id, {**inputs, **state})
        if live is None:
            return None
        return LiveResource(
            properties=live, inputs={name: live[name] for name in _asked_for(handler, live, state, inputs)}
        )

    def update(self, clients: Clients, token: str, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Change a resource in place; all its properties."""
        return self.handler_for(token).update(clients, resource_id, old, new)

    def delete(self, clients: Clients, token: str, resource_id: str, state: Properties) -> None:
        """Take a resource away."""
        self.handler_for(token).delete(clients, resource_id, state)


def _asked_for(handler: ResourceHandler, live: Properties, state: Properties, inputs: Properties) -> set[str]:
    """The properties that a resource's inputs are: also those that nobody asked for and somebody has changed.

    They are the service's own choice until they are another than they were; then an update has to set them back.
    """
    told = handler.supported & live.keys()
    if not inputs:
        return set(told)
    changed = {name for name in told - handler.co_owned if not same_value(state.get(name), live[name])}
    return (inputs.keys() & live.keys()) | changed


# Which resources a stack's plugins have made, written down by themselves.
#
# An engine that is killed knows that it began to create a resource, and not whether the resource
# came to be. On AWS `pulumi refresh` asks the user for its id; here the plugin, which outlives the
# engine by a moment, has kept it.

PATH_VARIABLE = "USERSTREAM_CREATED"
"""Environment variable by which a plugin is told the file."""

_LOOK_SECONDS = 0.1


class PluginRunningError(Exception):
    """A plugin of the stack doesn't end, so its engine still runs."""


class CreatedResources:
    """The file: a line of JSON for each resource."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Keep `ids_after_the_plugins` waiting while the block runs."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    def add(self, urn: str, resource_id: str) -> None:
        """Write down a resource, before anybody else hears of it."""
        line = json.dumps({"urn": urn, "id": resource_id})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def ids_after_the_plugins(self, seconds: float) -> dict[str, str]:
        """URN to id of what was made, once no plugin of the stack runs any more.

        Args:
            seconds: how long to wait for that.

        Raises:
            PluginRunningError: one still runs.
        """
        if not self._path.exists():
            return {}
        deadline = time.monotonic() + seconds
        with self._path.open(encoding="utf-8") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise PluginRunningError from None
                    time.sleep(_LOOK_SECONDS)
                else:
                    return {line["urn"]: line["id"] for line in map(json.loads, file)}
