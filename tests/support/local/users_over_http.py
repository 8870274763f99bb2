"""A client of the users API, over HTTP and with signatures."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack
from tests.support.raw_http import RawAnswer, send
from tests.support.users.people import registration

API_CALLER = "api-caller"
"""The name of the IAM user who signs, in tests/local/conftest.py."""

_JSON = {"Content-Type": "application/json"}


def person(**values: str) -> dict[str, str]:
    """Return a registration that no other test makes, with some values by attribute."""
    return registration(uuid4().int % 10**10, **values)


def root_signer(stack: LocalStack) -> Signer:
    """Return a signer with the root keys of the stack's emulator."""
    return Signer(
        access_key_id=stack.access_key_id, secret_access_key=stack.secret_access_key, region=stack.outputs.region
    )


class UsersOverHttp:
    """Sends requests to a running stack.

    Args:
        stack: whose API.
        caller: signs for AWS_IAM; None sends what a route asks to be signed without a signature.
    """

    def __init__(self, stack: LocalStack, caller: Signer | None = None) -> None:
        self._api_url = stack.outputs.api_url
        self._caller = caller

    def register(self, body: Mapping[str, str], key: str | None = None) -> RawAnswer:
        """Register, with this Idempotency-Key if there is one."""
        headers = _JSON if key is None else {**_JSON, "Idempotency-Key": key}
        return send(self._api_url, "POST", "/register", json.dumps(body).encode(), headers)

    def registered(self, body: Mapping[str, str], key: str | None = None) -> str:
        """Register, and return the new user's id."""
        answer = self.register(body, key)
        assert answer.status == 201, answer
        created: Any = answer.json
        return created["userId"]

    def get(self, user_id: str) -> RawAnswer:
        return self._send("GET", f"/users/{user_id}")

    def find(self, query_string: str = "", **query: str) -> RawAnswer:
        """Send `GET /users` with these parameters, or with a query string as it is."""
        encoded = query_string or urlencode(query, quote_via=quote)
        return self._send("GET", f"/users?{encoded}" if encoded else "/users")

    def patch(self, user_id: str, changes: Mapping[str, str], headers: Mapping[str, str] | None = None) -> RawAnswer:
        return self._send("PATCH", f"/users/{user_id}", json.dumps(changes).encode(), headers)

    def delete(self, user_id: str) -> RawAnswer:
        return self._send("DELETE", f"/users/{user_id}")

    def activity(self, user_id: str) -> list[dict[str, Any]]:
        """Return the user's history, oldest first."""
        answer = self._send("GET", f"/users/{user_id}/activity?limit=100")
        assert answer.status == 200, answer
        page: Any = answer.json
        return page["items"]

    def _send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> RawAnswer:
        all_headers = {**_JSON, **(headers or {})}
        if self._caller is not None:
            all_headers = self._caller.headers(method, self._api_url + path, body, all_headers)
        return send(self._api_url, method, path, body, all_headers)
