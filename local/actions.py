"""What the local stack itself sends to the deployed one: page actions, `poison`, the warm-up."""

import contextlib
import json
import runpy
import uuid
from datetime import UTC, datetime
from threading import Event
from typing import NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

from functions.runtime.json_log import utc_timestamp
from functions.stream_records.schema_versions import SUPPORTED_SCHEMA_VERSIONS
from functions.users.attributes import ATTRIBUTES
from infra.naming import LIVE_ALIAS, PROJECT_ROOT
from local.state import LocalStack, clients_of, functions_of

_TIMEOUT_SECONDS = 30

SCHEMA_VERSIONS = PROJECT_ROOT / "functions/stream_records/schema_versions.py"
"""Where SUPPORTED_SCHEMA_VERSIONS is: a version that is added there makes the change replayable."""


class ApiResponse(NamedTuple):
    """An HTTP response: its status code and its body."""

    status: int
    body: bytes


def call_api(stack: LocalStack, method: str, path: str, body: bytes = b"") -> ApiResponse:
    """Send a request to the stack's API, signed with its keys."""
    request = AWSRequest(
        method=method, url=stack.outputs.api_url + path, data=body, headers={"Content-Type": "application/json"}
    )
    credentials = Credentials(stack.access_key_id, stack.secret_access_key)
    SigV4Auth(credentials, "execute-api", stack.region).add_auth(request)
    response = URLLib3Session(timeout=_TIMEOUT_SECONDS).send(request.prepare())
    return ApiResponse(response.status_code, response.content)


def warm_up(stack: LocalStack, takes_registrations: Event) -> None:
    """Call every function once, without effect, so that the first real request needn't wait.

    Failures are ignored: nothing depends on it. The event is set once a registration would be
    answered at once.
    """
    outputs = stack.outputs
    # An incomplete registration, a user that doesn't exist, and batches without records.
    with contextlib.suppress(BotoCoreError, OSError):
        call_api(stack, "POST", "/register", b"{}")
    takes_registrations.set()
    lambda_ = clients_of(stack).lambda_
    confirm = outputs.confirm_registration_function_name
    if confirm is not None:
        with contextlib.suppress(BotoCoreError, OSError):
            call_api(stack, "POST", "/register/confirmation", b"{}")
    behind_api = {outputs.register_user_function_name, outputs.manage_users_function_name, confirm}
    for function_name in set(functions_of(outputs).values()) - behind_api:
        with contextlib.suppress(BotoCoreError, ClientError):
            lambda_.invoke(FunctionName=function_name, Qualifier=LIVE_ALIAS, Payload=json.dumps({"Records": []}))
    with contextlib.suppress(BotoCoreError, OSError):
        call_api(stack, "GET", f"/users/{uuid.UUID(int=0)}")


def unsupported_schema_version() -> int:
    """Return a version that no function knows, also if the last one was added since.

    The source is read at each call: it is edited while the page's server runs.
    """
    try:
        versions: frozenset[int] = runpy.run_path(str(SCHEMA_VERSIONS))["SUPPORTED_SCHEMA_VERSIONS"]
    except (SyntaxError, NameError, KeyError):  # half edited: the functions keep the code they have
        versions = SUPPORTED_SCHEMA_VERSIONS
    return max(versions) + 1


def write_unsupported_user(stack: LocalStack, user_id: str | None = None) -> str:
    """Write a change of the user, or a new user, that LogUserChangesFunction can't process.

    It goes straight to the Users table, because the API would never write it. Return the user's id.
    """
    dynamodb = clients_of(stack).dynamodb
    now, schema_version = utc_timestamp(datetime.now(UTC)), str(unsupported_schema_version())
    if user_id is not None:
        dynamodb.update_item(
            TableName=stack.outputs.users_table_name,
            Key={"userId": {"S": user_id}},
            UpdateExpression="SET schemaVersion = :schema, updatedAt = :now ADD version :one",
            ConditionExpression="attribute_exists(userId)",
            ExpressionAttributeValues={
                ":schema": {"N": schema_version},
                ":now": {"S": now},
                ":one": {"N": "1"},
            },
        )
        return user_id
    user_id = str(uuid.uuid4())
    dynamodb.put_item(
        TableName=stack.outputs.users_table_name,
        Item={
            "userId": {"S": user_id},
            **{attribute.name: {"S": attribute.example} for attribute in ATTRIBUTES if attribute.required},
            "version": {"N": "1"},
            "createdAt": {"S": now},
            "updatedAt": {"S": now},
            "schemaVersion": {"N": schema_version},
        },
    )
    return user_id
