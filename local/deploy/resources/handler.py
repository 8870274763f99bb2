"""Create, read, update and delete one Pulumi resource type through an AWS service's API.

A `ResourceHandler` is a table: the operations of the service, how an id is made, and where the AWS provider's names and
rules differ from the service's. `service_model` does the rest. What no table can say, such as one change per call in
DynamoDB, is a method that a subclass overrides beside its table, in the service's module.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast, final

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import OperationModel

from local.deploy.resources.clients import Clients
from local.deploy.resources.resource_errors import (
    MissingPropertyError,
    UnsupportedPropertyError,
    is_missing,
    missing,
)
from local.deploy.resources.service_model import members_by_property, to_parameters, to_properties
from local.deploy.resources.values import fill, read_template, same_document, tag_changes

Properties = Mapping[str, Any]
"""A resource's properties under Pulumi's names: camelCase, as in the AWS provider's schema."""

_NONE = frozenset[str]()


def names(text: str) -> frozenset[str]:
    """Return the names in a text, as a table lists them: separated by blanks."""
    return frozenset(text.split())


@dataclass(frozen=True, kw_only=True)
class ResourceHandler:
    """One Pulumi resource type.

    Properties are plain values: numbers without a fraction are `int` (see `plain_values`), assets and archives are
    Pulumi's objects. A template is a format string over the resource's properties, what the service answered, `id` and
    `clients`; one that is a single field stands for the value itself.

    Attributes:
        pulumi_type: for example `aws:dynamodb/table:Table`.
        client: the attribute of `Clients` for the service.
        required: the inputs that must be set.
        optional: the other inputs that are supported; any other is refused by name.
        replace_on: the inputs whose change takes a new resource, as in the AWS provider.
        write_only: the inputs that the API doesn't return, or not in the form they were given. Any other input that it
            doesn't return has been removed.
        recomputed: from an input to the outputs that its change makes others; no preview knows them.
        co_owned: the inputs that a resource of another type may set as well; those not asked for here are that one's.
        by_hand: the inputs that a subclass sends by calls of its own.
        create_operation: API name, as in the service's reference.
        read_operation: the same.
        update_operation: the same; "" where the create operation overwrites.
        delete_operation: the same.
        id: template of the id. Where it is made of inputs, reading takes them from it.
        identity: members by which operations find the resource, as templates. Each operation gets those it has.
        wrapper: the member of the create and update operations that holds the inputs which have no member themselves.
        result: the properties of the read operation's answer, each within the one before, that hold the resource's; of
            a list, the item with this id.
        renamed: from a service's member to the property, where they differ in more than their case.
        documents: the inputs that are JSON, which a service stores in its own spelling.
        taken_away: what the update operation is sent for an input that isn't set any more.
        absent: what an input is where the service returns nothing.
        outputs: templates of the properties that are no inputs, or are named apart.
        tag_operations: to list, to set and to remove tags, if they are supported; "" if the read operation lists them.
        tags_on_create: whether the create operation takes them.
    """

    pulumi_type: str
    client: str
    required: frozenset[str]
    optional: frozenset[str] = _NONE
    replace_on: frozenset[str] = _NONE
    write_only: frozenset[str] = _NONE
    recomputed: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    co_owned: frozenset[str] = _NONE
    by_hand: frozenset[str] = _NONE
    create_operation: str
    read_operation: str
    update_operation: str = ""
    delete_operation: str
    id: str
    identity: Properties = field(default_factory=dict[str, Any])
    wrapper: str = ""
    result: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    documents: frozenset[str] = _NONE
    taken_away: Properties = field(default_factory=dict[str, Any])
    absent: Properties = field(default_factory=dict[str, Any])
    outputs: Properties = field(default_factory=dict[str, Any])
    tag_operations: tuple[str, str, str] = ("ListTagsForResource", "TagResource", "UntagResource")
    tags_on_create: bool = True

    @property
    def supported(self) -> frozenset[str]:
        """The inputs that aren't refused."""
        return self.required | self.optional

    @final
    def check(self, inputs: Properties) -> None:
        """Check that every input is supported and every required one is set.

        Raises:
            UnsupportedPropertyError: an input is not supported.
            MissingPropertyError: a required input is not set.
        """
        if unknown := sorted(inputs.keys() - self.supported):
            raise UnsupportedPropertyError(unknown)
        if lacking := sorted(self.required - inputs.keys()):
            raise MissingPropertyError(f"it needs {', '.join(map(repr, lacking))}")

    @final
    def create(self, clients: Clients, inputs: Properties) -> tuple[str, Properties]:
        """Create the resource; return its id and all its properties: the inputs and what the service returns.

        Raises:
            ResourceError: the inputs are not those of this type.
            botocore.exceptions.ClientError: the service refused.
        """
        self.check(inputs)
        resource_id = self._create(clients, inputs)
        return resource_id, {**inputs, **self._read(clients, resource_id, inputs)}

    @final
    def read(self, clients: Clients, resource_id: str, state: Properties) -> Properties | None:
        """Return the resource's properties as they are now, or None if it doesn't exist.

        Args:
            clients: of the account and region it is in.
            resource_id: what `create` returned.
            state: its properties as last known: some identify it (an API's id, a bucket's name), and `write_only`
                inputs keep their value.

        Raises:
            botocore.exceptions.ClientError: the service refused.
        """
        try:
            live = self._read(clients, resource_id, state)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        removed = self.supported - self.write_only - live.keys()
        return {**{name: value for name, value in state.items() if name not in removed}, **live}

    @final
    def update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Change the resource in place; return all its properties, as `create` does.

        Args:
            clients: of the account and region it is in.
            resource_id: what `create` returned.
            old: its properties as last known.
            new: the wanted inputs; they differ in none of `replace_on`.

        Raises:
            ResourceError: the inputs are not those of this type.
            botocore.exceptions.ClientError: the service refused.
        """
        self.check(new)
        self._update(clients, resource_id, old, new)
        return {**new, **self._read(clients, resource_id, new)}

    @final
    def delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        """Delete the resource; one that doesn't exist is no error.

        Raises:
            botocore.exceptions.ClientError: the service refused, for example by deletion protection.
        """
        try:
            self._delete(clients, resource_id, state)
        except ClientError as error:
            if not is_missing(error):
                raise

    def _create(self, clients: Clients, inputs: Properties) -> str:
        later = self.by_hand if self.tags_on_create else self.by_hand | {"tags"}
        sent = self._prepared(without(inputs, later))
        returned = self.send(clients, self.create_operation, sent, sent)
        resource_id: str = fill(self.id, {**sent, **returned})
        if not self.tags_on_create:
            self._change_tags(clients, resource_id, {}, inputs)
        return resource_id

    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        identified = self._identified(clients, resource_id)
        returned = self._returned(clients, resource_id, {**state, **identified})
        readable = self.supported - self.write_only
        values = {**state, **identified, **returned}
        properties: dict[str, Any] = {
            **self.absent,
            **{name: value for name, value in returned.items() if name in readable},
            **{name: value for name, value in identified.items() if name in readable},
            **{name: fill(template, values) for name, template in self.outputs.items()},
        }
        properties = self._described(properties, returned, state)
        for name in self.documents & properties.keys():
            properties[name] = same_document(state.get(name), properties[name])
        list_tags, _, _ = self.tag_operations
        if list_tags and "tags" in readable - self.by_hand:
            properties["tags"] = self.send(clients, list_tags, {**values, **properties}, {}).get("tags", {})
        return properties

    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, *self.supported - self.replace_on - self.by_hand - {"tags"}):
            operation = self.update_operation or self.create_operation
            sent = self._prepared({**self._taken_away(old, new), **without(new, self.by_hand | {"tags"})})
            # What replaces the resource can't differ here, and few update operations take it.
            shape: Any = self._model(clients, operation).input_shape
            known = members_by_property(shape, self.renamed)
            sent = without(sent, self.replace_on - known.keys())
            self.send(clients, operation, {**old, **self._identified(clients, resource_id)}, sent)
        if "tags" in self.supported - self.by_hand:
            self._change_tags(clients, resource_id, old, new)

    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        self.send(clients, self.delete_operation, {**state, **self._identified(clients, resource_id)}, {})

    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs in the service's structure, still under Pulumi's names."""
        return inputs

    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        """Return the properties with what no table says, from all that the read operation returned."""
        del returned, state
        return properties

    def _taken_away(self, old: Properties, new: Properties) -> Properties:
        """Return what the update operation is sent for inputs that aren't set."""
        del old, new
        return self.taken_away

    @final
    def send(self, clients: Clients, operation: str, values: Properties, inputs: Properties) -> dict[str, Any]:
        """Call an operation; return what it returns, under Pulumi's names.

        Args:
            clients: of the account and region.
            operation: its API name.
            values: for the templates of `identity`.
            inputs: the properties it is sent.
        """
        model = self._model(clients, operation)
        shape: Any = model.input_shape
        members = members_by_property(shape, self.renamed)
        property_of = {member: name for name, member in members.items()}
        if self.wrapper in property_of:
            inner = without(inputs, members.keys())
            inputs = {**without(inputs, inner.keys()), property_of[self.wrapper]: inner}
        parameters = to_parameters(shape, inputs, self.renamed)
        values = {**values, "clients": clients}
        for member in self.identity.keys() & property_of.keys():
            parameters[member] = fill(self.identity[member], values)
        answer = getattr(getattr(clients, self.client), xform_name(operation))(**parameters)
        return to_properties(model.output_shape, answer, self.renamed) if model.output_shape else {}

    def _model(self, clients: Clients, operation: str) -> OperationModel:
        return getattr(clients, self.client).meta.service_model.operation_model(operation)

    def _identified(self, clients: Clients, resource_id: str) -> dict[str, Any]:
        """Return what a template may name besides the resource's properties."""
        return {**read_template(self.id, resource_id, self.supported), "id": resource_id, "clients": clients}

    def _returned(self, clients: Clients, resource_id: str, values: Properties) -> dict[str, Any]:
        """Return what the read operation returns: its members, and those of its `result`.

        Raises:
            botocore.exceptions.ClientError: a list has no such resource.
        """
        returned = self.send(clients, self.read_operation, values, {})
        for name in self.result.split():
            part = returned.get(name, {})
            if isinstance(part, list):
                items = cast("list[dict[str, Any]]", part)
                part = next((each for each in items if fill(self.id, {**values, **each}) == resource_id), None)
                if part is None:
                    raise missing(self.read_operation, resource_id)
            returned |= part
        return returned

    def _change_tags(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        removed, added = tag_changes(old, new)
        values = {**new, **old, **self._identified(clients, resource_id)}
        _, set_tags, remove_tags = self.tag_operations
        if removed:
            self.send(clients, remove_tags, values, {"tagKeys": removed})
        if added:
            self.send(clients, set_tags, values, {"tags": added})


def changed(old: Properties, new: Properties, *inputs: str) -> bool:
    """Return whether any of these inputs differs."""
    return any(old.get(name) != new.get(name) for name in inputs)


def without(properties: Properties, left_out: Collection[str]) -> dict[str, Any]:
    """Return the properties but for some."""
    return {name: value for name, value in properties.items() if name not in left_out}
