"""botocore's clients as the functions make them; loaded by those that need one.

botocore comes with Lambda's Python runtime and is used alone: boto3 would add a resource layer that
nothing here uses. Region, credentials and, on a laptop, the endpoint come from the environment
variables that botocore reads itself.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError
from botocore.session import Session

from functions.runtime.connection import CONNECT_SECONDS, READ_SECONDS
from functions.runtime.dynamodb_client import USER_AGENT
from functions.runtime.garbage_collection import freeze_loaded_objects
from functions.runtime.intact_answers import refuse_damaged_answers

if TYPE_CHECKING:
    from botocore.client import BaseClient

# Standard retries wait with jitter and spend from a quota, so they don't feed an overload.
# Parameter validation (of what is built here from validated input) and the long User-Agent were a
# fifth of a warm registration (`make bench`).
CLIENT_CONFIG = Config(
    parameter_validation=False,
    user_agent=USER_AGENT,
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 3},
)

AWS_CALL_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""Everything that a botocore call raises by itself."""


class _KnownServices(Loader):
    """Reads botocore's models of the functions' services, without listing 400 others first."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002  botocore's signature
        return ["dynamodb", "dynamodbstreams", "events", "s3", "sesv2", "sns", "sqs"]


@cache
def _session() -> Session:
    session = Session()
    session.register_component("data_loader", _KnownServices())
    return session


def make_client(service: str) -> BaseClient:
    """Return a new client of a service."""
    client = _session().create_client(service, config=CLIENT_CONFIG)
    freeze_loaded_objects()
    refuse_damaged_answers(client)
    return client
