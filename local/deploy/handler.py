"""Create, read, update and delete a resource of one Pulumi type through the API of its AWS service.

A `ResourceHandler` is a table: the service's operations, how an id is made, and where the AWS
provider's names and rules differ from the service's. `service_model` does the rest. What no table
can say, such as one change per call in DynamoDB, is a function of the table or a method that a
subclass overrides, in the service's module.

To support another type, add its table to `HANDLERS` of the service's module, and an example of it
to tests/support/local/resource_examples. The tests then create, change, read and delete it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast, final

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import OperationModel

from local.aws_clients import Clients
from local.deploy.service_model import (
    UnsupportedPropertyError,
    members_by_property,
    pulumi_name,
    to_parameters,
    to_properties,
)
from local.deploy.values import ResourceError, fill, names, read_template, same_document, tag_changes

Properties = Mapping[str, Any]
"""A resource's properties under Pulumi's names: camelCase, as in the AWS provider's schema."""

Draft = dict[str, Any]
"""Properties on their way from or to the service."""

_NONE = frozenset[str]()

_FOUND_BY = names("id resource resourceArn")
"""Members that find a resource: by its id, or by its ARN to list and change its tags."""

_MISSING = names(
    "404 AWS.SimpleQueueService.NonExistentQueue DashboardNotFoundError NoSuchBucket NoSuchBucketPolicy "
    "NoSuchCachePolicy NoSuchDistribution NoSuchEntity NoSuchHostedZone NoSuchKey NoSuchLifecycleConfiguration "
    "NoSuchOriginAccessControl NoSuchPublicAccessBlockConfiguration NoSuchResponseHeadersPolicy NotFound "
    "NotFoundException OwnershipControlsNotFoundError QueueDoesNotExist ResourceNotFound "
    "ResourceNotFoundException ServerSideEncryptionConfigurationNotFoundError WAFNonexistentItemException"
)
"""Error codes of a resource that doesn't exist."""


class MissingPropertyError(ResourceError):
    """A required property isn't set."""


class Operations(NamedTuple):
    """The API names of a service's operations on a resource."""

    create: str
    read: str
    update: str
    delete: str


@dataclass(frozen=True, kw_only=True)
class ResourceHandler:
    """A Pulumi resource type.

    Properties are plain values: numbers without a fraction are `int` (see `plain_values`), assets
    and archives are Pulumi's objects. A template is a format string over the properties, what the
    service returned, `id` and `clients`; a template of one field gives the field's value unchanged.

    Attributes:
        service: the AWS service; "" if the type's module has the same name.
        operations: the API names to create, read, update and delete, separated by blanks: `-` where
            there is nothing to call. Of three names the first also updates, because it overwrites.
        immutable: the inputs, besides those in the id, whose change takes a new resource.
        write_only: the inputs that the API doesn't return, or not in the form they were given. Any
            other input that it doesn't return has been removed.
        recomputed: the outputs that change with an input, so that no preview knows them.
        computed_within: of an input that is a map, the names in it that the service adds.
        co_owned: the inputs that a resource of another type may set as well; those not set here
            are that one's.
        unsent: the inputs that the operations above leave out; a subclass may send them.
        separate: the operations that set and remove an input which the update operation can't;
            they also follow the create operation if that doesn't take the input.
        id: template of the id. Inputs in it are read from it.
        import_id: template of what `pulumi import` takes on AWS, if the id alone doesn't find the
            resource. Source: the AWS provider's documentation of each type, "Import".
        parameters: members that each operation gets if it has them, as templates or constants. It
            also gets what identifies the resource: inputs of `replace_on`, the id and the ARN.
        wrapper: the member of an operation that holds the inputs for which it has no member.
        result: where the read operation returns the resource, one property within the other, if not
            in the wrapper. Of a list it is the item with this id.
        renamed: the property for a member, where they differ in more than their case.
        documents: the inputs that are JSON, which a service stores in its own spelling.
        defaults: what an update sends for an input that was removed, which is what the service has
            for one that was never set.
        absent: what an input is if the service returns nothing.
        outputs: templates of the other properties.
        to_service: from inputs to the service's structure, still under Pulumi's names.
        from_service: to properties, from what the tables make of them, from all that the read
            operation returned and from the last known state.
        tag_operations: to list, set and remove tags; "" if the read operation returns them.
        tags_on_create: whether the create operation sets them.
    """

    pulumi_type: str
    service: str = ""
    operations: str
    required: frozenset[str]
    optional: frozenset[str] = _NONE
    immutable: frozenset[str] = _NONE
    write_only: frozenset[str] = _NONE
    recomputed: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    computed_within: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    co_owned: frozenset[str] = _NONE
    unsent: frozenset[str] = _NONE
    separate: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    id: str
    import_id: str = ""
    parameters: Properties = field(default_factory=dict[str, Any])
    wrapper: str = ""
    result: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    documents: frozenset[str] = _NONE
    defaults: Properties = field(default_factory=dict[str, Any])
    absent: Properties = field(default_factory=dict[str, Any])
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])
    to_service: Callable[[Draft], Draft] = lambda inputs: inputs
    from_service: Callable[[Draft, Properties, Properties], Draft] = lambda properties, _returned, _state: properties
    tag_operations: tuple[str, str, str] = ("ListTagsForResource", "TagResource", "UntagResource")
    tags_on_create: bool = True

    @property
    def operation(self) -> Operations:
        """The API names in `operations`."""
        create, read, *update, delete = self.operations.split()
        return Operations(create, read, update[0] if update else create, delete)

    @property
    def supported(self) -> frozenset[str]:
        """The inputs that aren't refused."""
        return self.required | self.optional

    @property
    def replace_on(self) -> frozenset[str]:
        """The inputs whose change takes a new resource."""
        return self.immutable | self.in_id

    @property
    def in_id(self) -> frozenset[str]:
        """The inputs that the id has. The service chooses one that isn't required and isn't set."""
        return self.supported & read_template(self.id, self.id).keys()

    @final
    def input_of(self, name: str, properties: Properties) -> Any:
        """Return a property as an input that would give it."""
        computed = self.computed_within.get(name)
        return without(properties[name], computed) if computed else properties[name]

    @final
    def is_unset(self, name: str, value: Any) -> bool:
        """Return whether an input with this value is the same as one that isn't set."""
        unset: tuple[Any, ...] = (None, self.defaults.get(name), self.absent.get(name))
        return value in unset or (name == "tags" and not value)

    @final
    def find_by_import(self, text: str) -> tuple[str, Properties]:
        """Return the id, and what else finds the resource, of what `pulumi import` was given.

        Raise ResourceError if it has another form.
        """
        if not self.import_id:
            return text, {}
        found: dict[str, str] = read_template(self.import_id, text)
        if not found:
            form = self.import_id.replace("{", "<").replace("}", ">")
            raise ResourceError(f"{text!r} doesn't name it: `pulumi import` takes {form}, as on AWS")
        return found.pop("id"), found

    @final
    def check(self, inputs: Properties) -> None:
        """Raise UnsupportedPropertyError or MissingPropertyError for inputs of another shape."""
        if unknown := sorted(inputs.keys() - self.supported):
            raise UnsupportedPropertyError(unknown)
        if lacking := sorted(self.required - inputs.keys()):
            raise MissingPropertyError(f"it needs {', '.join(map(repr, lacking))}")

    @final
    def create(self, clients: Clients, inputs: Properties) -> tuple[str, Properties]:
        """Create the resource; return its id and its properties: inputs and what the API returns.

        Raise ResourceError if the inputs are not those of this type, and ClientError if the service
        refuses, as the methods below do.
        """
        self.check(inputs)
        resource_id = self._create(clients, inputs)
        return resource_id, {**inputs, **self._read(clients, resource_id, inputs)}

    @final
    def read(self, clients: Clients, resource_id: str, state: Properties) -> Properties | None:
        """Return the resource's properties as they are now, or None if it doesn't exist.

        `state` is its properties as last known: some of them identify it (an API's id, a bucket's
        name), and `write_only` inputs keep their value.
        """
        try:
            live = self._read(clients, resource_id, state)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return {**without(state, self.supported - self.write_only - live.keys()), **live}

    @final
    def update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Change the resource in place; return all its properties, as `create` does.

        `old` is its properties as last known, `new` the wanted inputs. They differ in none of
        `replace_on`.
        """
        self.check(new)
        self._update(clients, resource_id, old, new)
        return {**new, **self._read(clients, resource_id, new)}

    @final
    def delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        """Delete the resource, if it exists."""
        try:
            self._delete(clients, resource_id, state)
        except ClientError as error:
            if not is_missing(error):
                raise

    def _create(self, clients: Clients, inputs: Properties) -> str:
        operation = self.operation.create
        separate = self.separate.keys() - self._members(clients, operation).keys()
        later = separate if self.tags_on_create else separate | {"tags"}
        sent = self.to_service(without(inputs, self.unsent | later))
        returned = self.send(clients, operation, sent, sent)
        resource_id: str = fill(self.id, {**sent, **returned})
        for name in separate & inputs.keys():
            self._set(clients, resource_id, name, inputs)
        if not self.tags_on_create:
            self._change_tags(clients, resource_id, {}, inputs)
        return resource_id

    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        known = self._known(clients, resource_id)
        returned = self._returned(clients, resource_id, {**state, **known})
        readable = self.supported - self.write_only
        values = {**state, **known, **returned}
        properties: dict[str, Any] = {
            **self.absent,
            **{name: value for name, value in {**returned, **known}.items() if name in readable},
            **{name: fill(template, values) for name, template in self.outputs.items()},
        }
        properties = self.from_service(properties, returned, state)
        for name in self.documents & properties.keys():
            properties[name] = same_document(state.get(name), properties[name])
        if self.tag_operations[0] and "tags" in readable:
            properties["tags"] = self._tags(clients, {**values, **properties})
        return properties

    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        for name in self.separate:
            if changed(old, new, name):
                self._set(clients, resource_id, name, new)
        apart = self.unsent | self.separate.keys() | {"tags"}
        if changed(old, new, *self.supported - self.replace_on - apart):
            operation = self.operation.update
            removed = old.keys() - new.keys()
            defaults = {name: each for name, each in self.defaults.items() if name in removed and old[name] != each}
            sent = self.to_service({**defaults, **without(new, apart)})
            # An input that would replace the resource can't differ, and few operations take it.
            sent = without(sent, self.replace_on - self._members(clients, operation).keys())
            self.send(clients, operation, {**old, **self._known(clients, resource_id)}, sent)
        if "tags" in self.supported - self.separate.keys():
            self._change_tags(clients, resource_id, old, new)

    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        if (operation := self.operation.delete) != "-":
            self.send(clients, operation, {**state, **self._known(clients, resource_id)}, {})

    @final
    def send(self, clients: Clients, operation: str, values: Properties, inputs: Properties) -> dict[str, Any]:
        """Call an operation with inputs; return what it returns, all under Pulumi's names.

        `values` identify the resource, and fill the templates of `parameters`.
        """
        model = self._model(clients, operation)
        shape: Any = model.input_shape
        members = self._members(clients, operation)
        wrappers = {name for name, member in members.items() if member == self.wrapper}
        if wrappers and (inner := without(inputs, members.keys())):
            inputs = {**without(inputs, inner.keys()), **dict.fromkeys(wrappers, inner)}
        values = {**values, "clients": clients, "resource": values.get("arn"), "resourceArn": values.get("arn")}
        found_by = self.immutable | _FOUND_BY | read_template(self.id, self.id).keys()
        identity = {name: values[name] for name in found_by & members.keys() & values.keys()}
        parameters = to_parameters(shape, {**identity, **inputs}, self.renamed)
        for member in self.parameters.keys() & members.values():
            parameters[member] = fill(self.parameters[member], values)
        answer = getattr(self._client(clients), xform_name(operation))(**parameters)
        return to_properties(model.output_shape, answer, self.renamed) if model.output_shape else {}

    def _client(self, clients: Clients) -> Any:
        return clients.of_service(self.service or self.pulumi_type.split(":")[1].split("/")[0])

    def _model(self, clients: Clients, operation: str) -> OperationModel:
        return self._client(clients).meta.service_model.operation_model(operation)

    def _members(self, clients: Clients, operation: str) -> dict[str, str]:
        shape: Any = self._model(clients, operation).input_shape
        return members_by_property(shape, self.renamed)

    def _known(self, clients: Clients, resource_id: str) -> dict[str, Any]:
        """Return what the id alone tells."""
        return {**read_template(self.id, resource_id), "id": resource_id, "clients": clients}

    def _returned(self, clients: Clients, resource_id: str, values: Properties) -> dict[str, Any]:
        """Return what the read operation returns: its members, and those of its `result`."""
        operation = self.operation.read
        returned = self.send(clients, operation, values, {})
        for name in (self.result or pulumi_name(self.wrapper)).split():
            part = returned.get(name, {})
            if isinstance(part, list):
                items = cast("list[dict[str, Any]]", part)
                part = next((each for each in items if fill(self.id, {**values, **each}) == resource_id), None)
                if part is None:
                    raise missing(operation, resource_id)
            returned |= part
        return returned

    def _set(self, clients: Clients, resource_id: str, name: str, inputs: Properties) -> None:
        """Set or remove an input of `separate`."""
        set_operation, remove_operation = self.separate[name]
        values = {**inputs, **self._known(clients, resource_id)}
        if inputs.get(name) in (None, self.absent.get(name)):
            self.send(clients, remove_operation, values, {})
        else:
            self.send(clients, set_operation, values, {name: inputs[name]})

    def _tags(self, clients: Clients, values: Properties) -> dict[str, str]:
        return self.send(clients, self.tag_operations[0], values, {}).get("tags", {})

    def _change_tags(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        removed, added = tag_changes(old, new)
        values = {**new, **old, **self._known(clients, resource_id)}
        if "arn" not in old and "arn" in self.outputs:
            values["arn"] = fill(self.outputs["arn"], values)
        _, set_operation, remove_operation = self.tag_operations
        if removed:
            self.send(clients, remove_operation, values, {"tagKeys": removed})
        if added:
            self.send(clients, set_operation, values, {"tags": added})


def changed(old: Properties, new: Properties, *inputs: str) -> bool:
    """Return whether any of these inputs differs."""
    return any(old.get(name) != new.get(name) for name in inputs)


def without(properties: Properties, left_out: Collection[str]) -> dict[str, Any]:
    """Return the properties but for some."""
    return {name: value for name, value in properties.items() if name not in left_out}


def is_missing(error: ClientError) -> bool:
    """Return whether a service says that the resource doesn't exist."""
    return error.response.get("Error", {}).get("Code", "") in _MISSING


def missing(operation: str, what: str) -> ClientError:
    """Return the error of a part that has none of its own, such as an item of a list."""
    return ClientError({"Error": {"Code": "NotFound", "Message": what}}, operation)
