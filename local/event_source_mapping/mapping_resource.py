"""The mapping and its function as Lambda's API tells of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from functions.transient_failures import error_code
from local.event_source_mapping.settings import MappingSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_lambda import LambdaClient


@dataclass(frozen=True, kw_only=True)
class MappingResource:
    """What delivery needs to know of a mapping."""

    settings: MappingSettings
    role_arn: str
    """The function's: it reads the stream and sends failure documents."""
    timeout_seconds: int
    """How long the function may run."""


def read_mapping(client: "LambdaClient", uuid: str) -> MappingResource:
    """Read a mapping and its function.

    Raises:
        UnsupportedMappingError: The mapping can't be delivered here.
        botocore.exceptions.ClientError: There is no such mapping, or Lambda can't answer now.
        botocore.exceptions.BotoCoreError: Lambda can't be reached.
    """
    settings = read_settings(cast("Mapping[str, Any]", client.get_event_source_mapping(UUID=uuid)))
    function = client.get_function_configuration(FunctionName=settings.function_arn)
    return MappingResource(settings=settings, role_arn=function["Role"], timeout_seconds=function["Timeout"])


def is_no_mapping(error: Exception) -> bool:
    """Whether `read_mapping` failed because there is no such mapping: one without its function is another matter."""
    return (
        isinstance(error, ClientError)
        and error.operation_name == "GetEventSourceMapping"
        and error_code(error) == "ResourceNotFoundException"
    )
