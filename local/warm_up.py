"""Have each function start before its first real request or batch, as a busy stack's would be."""

import contextlib
import json
import uuid
from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

from local.stack_clients import clients_of

if TYPE_CHECKING:
    from local.state import LocalStack

_TIMEOUT_SECONDS = 30


def warm_up(stack: "LocalStack") -> None:
    """Call every function once with something that changes nothing. A failure isn't told: this is a courtesy.

    Args:
        stack: a deployed one.
    """
    outputs = stack.outputs
    # An unfinished registration, a user nobody has, and batches of no records.
    with contextlib.suppress(BotoCoreError, OSError):
        _call(stack, "POST", "/register", b"{}")
    lambda_ = clients_of(stack).lambda_
    for function_name in (outputs.log_user_changes_function_name, outputs.rescue_failed_batches_function_name):
        with contextlib.suppress(BotoCoreError, ClientError):
            lambda_.invoke(FunctionName=function_name, Payload=json.dumps({"Records": []}))
    with contextlib.suppress(BotoCoreError, OSError):
        _call(stack, "GET", f"/users/{uuid.UUID(int=0)}", b"")


def _call(stack: "LocalStack", method: str, path: str, body: bytes) -> None:
    request = AWSRequest(
        method=method, url=stack.outputs.api_url + path, data=body, headers={"Content-Type": "application/json"}
    )
    credentials = Credentials(stack.access_key_id, stack.secret_access_key)
    SigV4Auth(credentials, "execute-api", stack.region).add_auth(request)
    URLLib3Session(timeout=_TIMEOUT_SECONDS).send(request.prepare())
