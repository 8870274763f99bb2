"""What the page's buttons do to the user just registered: update and delete by the API, signed; poison in the table."""

from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from local.poison import write_poisoned_change

if TYPE_CHECKING:
    from local.state import LocalStack

_TIMEOUT_SECONDS = 30


class ActionAnswer:
    """What the stack answered to an action: an HTTP status and a JSON body, empty where there is none."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body


def update_user(stack: "LocalStack", user_id: str, changes: bytes) -> ActionAnswer:
    """Send `PATCH /users/{userId}` with a JSON body, signed with the stack's keys."""
    return _call(stack, "PATCH", user_id, changes)


def delete_user(stack: "LocalStack", user_id: str) -> ActionAnswer:
    """Send `DELETE /users/{userId}`, signed with the stack's keys."""
    return _call(stack, "DELETE", user_id, b"")


def poison_user(stack: "LocalStack", user_id: str) -> ActionAnswer:
    """Write a version of the user that LogUserChangesFunction can't read, past the API, which would never write one."""
    write_poisoned_change(stack, user_id)
    return ActionAnswer(204, b"")


def _call(stack: "LocalStack", method: str, user_id: str, body: bytes) -> ActionAnswer:
    url = f"{stack.outputs.api_url}/users/{user_id}"
    request = AWSRequest(method=method, url=url, data=body, headers={"Content-Type": "application/json"})
    credentials = Credentials(stack.access_key_id, stack.secret_access_key)
    SigV4Auth(credentials, "execute-api", stack.region).add_auth(request)
    answer = URLLib3Session(timeout=_TIMEOUT_SECONDS).send(request.prepare())
    return ActionAnswer(answer.status_code, answer.content)
