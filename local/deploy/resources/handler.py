"""What a kind of resource is: how its properties become calls of the service, and the service's answers properties.

ResourceError
├── UnsupportedTypeError       no kind for a Pulumi type
├── UnsupportedPropertyError   a property the kind would otherwise ignore silently
└── MissingPropertyError       a property the kind can't do without
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, final

from botocore.exceptions import ClientError

from local.deploy.resources.clients import Clients

Properties = Mapping[str, Any]
"""A resource's properties under Pulumi's names: camelCase, as in the AWS provider's schema."""

_MISSING = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "DashboardNotFoundError",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchCachePolicy",
        "NoSuchDistribution",
        "NoSuchEntity",
        "NoSuchKey",
        "NoSuchLifecycleConfiguration",
        "NoSuchOriginAccessControl",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchResponseHeadersPolicy",
        "NotFound",
        "NotFoundException",
        "OwnershipControlsNotFoundError",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)
"""Error codes by which the services say that a resource isn't there."""


class ResourceError(Exception):
    """A resource that can't be made as it is described; the message says which, why and what to do."""


class UnsupportedTypeError(ResourceError):
    """No kind stands for this Pulumi type."""


class UnsupportedPropertyError(ResourceError):
    """The kind doesn't know a property, and must not pretend to have heeded it."""


class MissingPropertyError(ResourceError):
    """A property without which the resource can't be made."""


class ResourceHandler(ABC):
    """One Pulumi resource type over its service's API.

    Properties are plain values: numbers without a fraction are `int` (see `plain_values`), assets and archives are
    Pulumi's objects.

    Attributes:
        pulumi_type: the Pulumi type, for example `aws:dynamodb/table:Table`.
        supported: the inputs this kind heeds; any other is refused by name.
        required: the inputs it can't do without.
        replace_on: the inputs whose change takes a new resource, as in the AWS provider.
        write_only: the inputs that the API doesn't return, or not in the form they were given. Any other input that it
            doesn't return has been removed.
        recomputed: from an input to the outputs that its change makes others; no preview knows them.
        co_owned: the inputs that a resource of another type may set as well; where they weren't asked for here, they
            are that one's.
    """

    pulumi_type: ClassVar[str]
    supported: ClassVar[frozenset[str]]
    required: ClassVar[frozenset[str]]
    replace_on: ClassVar[frozenset[str]]
    write_only: ClassVar[frozenset[str]] = frozenset()
    recomputed: ClassVar[Mapping[str, frozenset[str]]] = {}
    co_owned: ClassVar[frozenset[str]] = frozenset()

    @final
    def check(self, inputs: Properties) -> None:
        """Say whether the inputs can be heeded.

        Raises:
            UnsupportedPropertyError: an input this kind doesn't know.
            MissingPropertyError: an input it can't do without.
        """
        if unknown := sorted(inputs.keys() - self.supported):
            raise UnsupportedPropertyError(
                f"the local stack doesn't know {', '.join(map(repr, unknown))}. Leave it out, "
                f"or teach it to the handler in local/deploy/resources/"
            )
        if missing := sorted(self.required - inputs.keys()):
            raise MissingPropertyError(f"it needs {', '.join(map(repr, missing))}")

    @final
    def create(self, clients: Clients, inputs: Properties) -> tuple[str, Properties]:
        """Make the resource.

        Args:
            clients: of the account and region it goes to.
            inputs: its properties.

        Returns:
            Its id, and all its properties: inputs and what the service says of it.

        Raises:
            ResourceError: the inputs are not those of this kind.
            botocore.exceptions.ClientError: the service refused.
        """
        self.check(inputs)
        resource_id = self._create(clients, inputs)
        return resource_id, {**inputs, **self._read(clients, resource_id, inputs)}

    @final
    def read(self, clients: Clients, resource_id: str, state: Properties) -> Properties | None:
        """The resource's properties as they are now, or None where it is gone.

        Args:
            clients: of the account and region it is in.
            resource_id: what `create` returned.
            state: its properties as last known: some tell where it is (an API's id, a bucket's name), and what the
                service can't tell (an archive, `write_only`) stays as it was.

        Raises:
            botocore.exceptions.ClientError: the service refused.
        """
        try:
            told = self._read(clients, resource_id, state)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        taken_away = self.supported - self.write_only - told.keys()
        return {**{name: value for name, value in state.items() if name not in taken_away}, **told}

    @final
    def update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Change the resource in place.

        Args:
            clients: of the account and region it is in.
            resource_id: what `create` returned.
            old: its properties as last known.
            new: the wanted inputs; they differ in none of `replace_on`.

        Returns:
            All its properties, as `create` does.

        Raises:
            ResourceError: the inputs are not those of this kind.
            botocore.exceptions.ClientError: the service refused.
        """
        self.check(new)
        self._update(clients, resource_id, old, new)
        return {**new, **self._read(clients, resource_id, new)}

    @final
    def delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        """Take the resource away; one that is gone already is no error.

        Raises:
            botocore.exceptions.ClientError: the service refused, for example by deletion protection.
        """
        try:
            self._delete(clients, resource_id, state)
        except ClientError as error:
            if not is_missing(error):
                raise

    @abstractmethod
    def _create(self, clients: Clients, inputs: Properties) -> str: ...

    @abstractmethod
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties: ...

    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:  # noqa: B027
        """Change what differs. A kind whose every input is in `replace_on` has nothing to do here."""

    @abstractmethod
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None: ...


def is_missing(error: ClientError) -> bool:
    """Whether a service says that the resource isn't there."""
    return error.response.get("Error", {}).get("Code", "") in _MISSING


def changed(old: Properties, new: Properties, *names: str) -> bool:
    """Whether any of these inputs differs."""
    return any(old.get(name) != new.get(name) for name in names)


def missing(operation: str, what: str) -> ClientError:
    """The answer a service would give if it had one for `what` alone: a part of a policy, an item of a list."""
    return ClientError({"Error": {"Code": "NotFound", "Message": what}}, operation)
