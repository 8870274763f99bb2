"""The stack's HTTP API, called as its clients call it: signed by IAM, or by nobody."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from functions.runtime.json_log import Json, is_object
from ops.errors import translate

ANSWER_SECONDS = 30
"""API Gateway gives up an integration after 30 s (developer guide, "Quotas for HTTP APIs")."""

SERVICE = "execute-api"
"""What a signature for API Gateway is made for."""


class ApiAnswer(NamedTuple):
    """What the API answered."""

    status: int
    content: Json
    """Parsed; None if it isn't JSON."""
    request_id: str
    """API Gateway's, as its access log has it; "" if the answer has none."""

    def member(self, name: str) -> Json:
        """Return a member of the answer's object; None if there is none."""
        return self.content.get(name) if is_object(self.content) else None

    def __str__(self) -> str:
        """Say in a line what it was, without a value of a person."""
        title = self.member("title") or self.member("message") or "an answer without a title"
        return f"{self.status} ({title}), request {self.request_id or 'without an id'}"


class UsersApi:
    """Sends one request at a time; none is sent again by itself."""

    def __init__(self, url: str, region: str, credentials: Credentials) -> None:
        self._url = url
        self._signature = SigV4Auth(credentials, SERVICE, region)
        self._http = URLLib3Session(timeout=ANSWER_SECONDS, proxies=get_environ_proxies(url))

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, str] | None = None,
        *,
        signed: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> ApiAnswer:
        """Send a request; raise CannotReachError without an answer."""
        content = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(
            method=method,
            url=self._url + path,
            data=content,
            headers={"Content-Type": "application/json", **(headers or {})},
        )
        if signed:
            self._signature.add_auth(request)
        try:
            answer = self._http.send(request.prepare())
        except BotoCoreError as error:
            raise translate(error, f"the API {self._url}") from error
        return ApiAnswer(answer.status_code, _json(answer.text), str(answer.headers.get("apigw-requestid", "")))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
