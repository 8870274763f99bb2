"""Calls a running stack through a client that openapi-python-client generated; prints the answers.

It runs in a process of its own, with the generated package `users_client` on its path.
"""

import json
import os
from collections.abc import Generator

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from users_client import AuthenticatedClient, Client
from users_client.api.administration import change_user, delete_user, get_user
from users_client.api.registration import register_user
from users_client.models import FieldsProblem, GatewayMessage, Problem, Registered, Registration, User, UserChanges

API_URL, REGION, RUN = os.environ["API_URL"], os.environ["AWS_REGION"], os.environ["RUN"]


class SignatureV4(httpx.Auth):
    """Signs what httpx is about to send."""

    requires_request_body = True
    _keys = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        signed = AWSRequest(request.method, str(request.url), data=request.content)
        SigV4Auth(self._keys, "execute-api", REGION).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request


everybody = Client(base_url=API_URL)
# The generator knows bearer tokens alone; the signature takes the place of one.
administrator = AuthenticatedClient(base_url=API_URL, token="", httpx_args={"auth": SignatureV4()})


def told(answer: object) -> list[object]:
    """Return what the types tell of any refusal."""
    match answer:
        case FieldsProblem():
            return [answer.status, answer.type_, *(f"{each.field} {each.code}" for each in answer.errors)]
        case Problem():
            return [answer.status, answer.type_]
        case GatewayMessage():
            return [answer.message]
        case _:
            raise AssertionError(f"not refused: {answer}")


alice = Registration(name="Alice", email=f"alice-{RUN}@example.com", username=f"alice-{RUN}")
key = f"python-{RUN}"

registered = register_user.sync_detailed(client=everybody, body=alice, idempotency_key=key)
created = registered.parsed
assert isinstance(created, Registered)
user = get_user.sync(created.user_id, client=administrator)
assert isinstance(user, User)
changed = change_user.sync(
    created.user_id, client=administrator, body=UserChanges(name="Alice B."), if_match=f'"{user.version}"'
)
assert isinstance(changed, User)
bob = Registration(name="Bob", email=alice.email, username=alice.username)
unnamed = Registration(name="Alice", email=alice.email, username="?")
carol = UserChanges(name="Carol")
# What the generated client can't be made to send wrong is sent by its own HTTP client.
malformed = everybody.get_httpx_client().post("/register", content="{", headers={"Content-Type": "application/json"})
unsigned = everybody.get_httpx_client().get(f"/users/{created.user_id}")
not_json = everybody.get_httpx_client().post("/register", content="{}", headers={"Content-Type": "text/plain"})

calls = {
    "registered": [registered.status_code, created.message],
    "etag": registered.headers["etag"],
    "location": registered.headers["location"] == f"/users/{created.user_id}",
    "changed": [200, changed.name],
    "taken": told(register_user.sync(client=everybody, body=alice)),
    "reused": told(register_user.sync(client=everybody, body=bob, idempotency_key=key)),
    "invalid": told(register_user.sync(client=everybody, body=unnamed)),
    "malformed": told(Problem.from_dict(malformed.json())),
    "notJson": told(Problem.from_dict(not_json.json())),
    "unsigned": [unsigned.status_code, *told(GatewayMessage.from_dict(unsigned.json()))],
    "outdated": told(change_user.sync(created.user_id, client=administrator, body=carol, if_match='"999"')),
    "deleted": delete_user.sync_detailed(created.user_id, client=administrator).status_code,
    "missing": told(get_user.sync(created.user_id, client=administrator)),
}
print(json.dumps(calls))
