"""Why a resource can't be made, and how the services say that one is missing.

ResourceError
├── UnsupportedTypeError       no handler for a Pulumi type
├── UnsupportedPropertyError   a property that would otherwise be ignored silently
└── MissingPropertyError       a required property that isn't set
"""

from collections.abc import Iterable

from botocore.exceptions import ClientError

from local.deploy.resources.values import names

_MISSING = names(
    "404 AWS.SimpleQueueService.NonExistentQueue DashboardNotFoundError NoSuchBucket NoSuchBucketPolicy "
    "NoSuchCachePolicy NoSuchDistribution NoSuchEntity NoSuchKey NoSuchLifecycleConfiguration "
    "NoSuchOriginAccessControl NoSuchPublicAccessBlockConfiguration NoSuchResponseHeadersPolicy NotFound "
    "NotFoundException OwnershipControlsNotFoundError QueueDoesNotExist ResourceNotFound "
    "ResourceNotFoundException ServerSideEncryptionConfigurationNotFoundError"
)
"""Error codes of a resource that doesn't exist."""


class ResourceError(Exception):
    """A resource can't be made as described; the message says which, why and what to do."""


class UnsupportedTypeError(ResourceError):
    """No handler supports this Pulumi type."""


class UnsupportedPropertyError(ResourceError):
    """The handler doesn't know these properties, and must not ignore them silently."""

    def __init__(self, paths: Iterable[str]) -> None:
        super().__init__(
            f"the local stack doesn't know {', '.join(map(repr, paths))}. Leave it out, "
            "or teach it to the handler in local/deploy/resources/"
        )


class MissingPropertyError(ResourceError):
    """A required property isn't set."""


def is_missing(error: ClientError) -> bool:
    """Return whether a service says that the resource doesn't exist."""
    return error.response.get("Error", {}).get("Code", "") in _MISSING


def missing(operation: str, what: str) -> ClientError:
    """Return the error of a part that has none of its own, such as an item of a list."""
    return ClientError({"Error": {"Code": "NotFound", "Message": what}}, operation)
