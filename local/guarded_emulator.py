"""The emulator with a guard before it, in one process: `python -m local.guarded_emulator`.

The emulator (ministack 1.5.33) answers every Host and Origin, resets itself for an unsigned request
and knows the root key `test`. The guard wraps its ASGI application, so that nothing listens but the
guard and no request takes a detour:

- the API's data plane, which is public on AWS too, keeps its own authorization and CORS settings;
- everything else is for programs that sign: no page of a browser, no unsigned request;
- of the emulator's own paths only those in `_OWN_PATHS`, and only signed by the root user.
"""

import importlib
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote

from ministack import app as emulator
from ministack.core import iam_actions, lambda_runtime, sigv4
from ministack.core.iam_evaluator import is_root_access_key
from ministack.services import lambda_svc

from local.cheaper_emulator import forget_ids_in_order, load_models_early
from local.emulator_changes import METRICS, Changes, note_changes, telling
from local.emulator_changes import PATH as CHANGES_PATH
from local.function_environment import without_emulator_settings
from local.function_versions import count_invocations, end_unused_versions, evaluate_no_alarms, honour_shares
from local.mailbox import MAILBOX_VARIABLE, keep_mail
from local.own_pages import is_loopback
from local.request_ids import Send, name_api_request, name_invocation, use_these_ids
from local.root_keys import RootKeys
from local.stage_throttle import throttle_stages

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_TO_API = re.compile(r"/_aws/execute-api/[a-z0-9]+/.*", re.DOTALL)
"""A path below an API's own; of any other the emulator makes a call of one of its services."""

_CLOSED = re.compile(
    r"/_.*|/restapis/.*|/health|/oauth2(?:/.*)?|/login|/logout|.*/\.well-known/.*"
    r"|/v2/?|/v2/_catalog|/v2/.*/(?:blobs|manifests)/.*|/v2/.*/tags/list",
    re.DOTALL,
)
"""Administration, and services of the emulator that look at no signature: of Cognito and of ECR."""

_OWN_PATHS = frozenset({"/_ministack/health", "/_ministack/sqs/messages", CHANGES_PATH})
"""What the local stack uses: is it ready, the messages of a queue without receiving them, and what
has changed."""

_SIGNATURE = "AWS4-HMAC-SHA256 "
_UNKNOWN_KEY = "AKIA0000000000000000"


def guarded(application: Application, keys: RootKeys, region: str) -> Application:
    """Return the emulator's application behind the guard.

    Args:
        application: the emulator's, for ASGI 3.
        keys: of its root user.
        region: that of the API.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await application(scope, receive, send)
        elif refusal := _refusal(scope):
            await _refuse(send, *refusal)
        else:
            await authenticated(scope, receive, send)

    async def authenticated(scope: Scope, receive: Receive, send: Send) -> None:
        to_api = _TO_API.fullmatch(scope["path"]) is not None
        if to_api:
            scope = {**scope, "headers": _without_unusable_signature(scope["headers"], region)}
        headers = _joined(scope["headers"])
        key = _key_named(headers)
        if key is not None and is_root_access_key(key):
            body, receive = await _read_ahead(receive)
            if key != keys.access_key_id or not _matches(scope, headers, body, keys):
                # The emulator refuses it in the form of the service that was asked.
                scope = {**scope, "headers": _with_unknown_key(scope["headers"], key)}
                key = None
        by_root = key == keys.access_key_id
        send = name_api_request(send) if to_api else name_invocation(scope["path"], headers, send, by_root=by_root)
        if scope["path"] in _OWN_PATHS and not by_root:
            await _refuse(send, HTTPStatus.FORBIDDEN, "For the root user only.")
        else:
            await application(scope, receive, send)

    return guard


def _refusal(scope: Scope) -> tuple[HTTPStatus, str] | None:
    """Return status and reason if the request may not reach the emulator, whoever signed it."""
    headers, path = _joined(scope["headers"]), scope["path"]
    to_api = _TO_API.fullmatch(path) is not None
    if not is_loopback(headers.get("host", "")):
        return HTTPStatus.MISDIRECTED_REQUEST, "This is an emulator on 127.0.0.1."
    if not to_api and ("origin" in headers or scope["method"] == "OPTIONS"):
        return HTTPStatus.FORBIDDEN, "A page may only call the API."
    if not to_api and path not in _OWN_PATHS and _CLOSED.fullmatch(path):
        return HTTPStatus.NOT_FOUND, "Not found."
    authorization = headers.get("authorization", "")
    signed_badly = authorization.startswith(_SIGNATURE) and _key_named(headers) is None
    if signed_badly or (not to_api and not authorization.startswith(_SIGNATURE)) or _signed_in_query(scope):
        return HTTPStatus.FORBIDDEN, "Sign the request in its header; `python -m local env` prints the keys."
    return None  # The emulator checks the signatures of all but the root user.


def _joined(raw_headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers as a signature has them: lines of one name joined by a comma."""
    headers: dict[str, str] = {}
    for raw_name, value in raw_headers:
        name, text = raw_name.decode("latin-1").lower(), sigv4.decode_header_value(value)
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


def _key_named(headers: Mapping[str, str]) -> str | None:
    """Return the one access key id that a request names, or None: a second reader may see another.

    The emulator finds it by a search in the text, and checks the field.
    """
    authorization = headers.get("authorization", "")
    found = re.findall("Credential=([^/,]*)", authorization)
    if not authorization.startswith(_SIGNATURE) or len(found) != 1 or authorization.count("AWS4-") != 1:
        return None
    signature = sigv4.parse_header_signature(headers)
    return found[0] if not isinstance(signature, tuple) and signature.access_key_id == found[0] else None


def _signed_in_query(scope: Scope) -> bool:
    names = {name.lower() for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)}
    return not names.isdisjoint({"x-amz-credential", "x-amz-signature", "x-amz-algorithm", "awsaccesskeyid"})


def _matches(scope: Scope, headers: Mapping[str, str], body: bytes, keys: RootKeys) -> bool:
    """Check the time and the signature of a request of the root user.

    The emulator itself takes any signature for one of the root user's.
    """
    signature = sigv4.parse_header_signature(headers)
    if isinstance(signature, tuple) or "host" not in signature.signed_headers.split(";"):
        return False
    # Without a time that it can read, the emulator's check of the time says nothing.
    if not re.fullmatch(r"\d{8}T\d{6}Z", signature.amz_date) or sigv4.request_time_failure(signature):
        return False
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
    query = parse_qs(scope["query_string"].decode(errors="replace"), keep_blank_values=True)
    sent = sha256(body).hexdigest()
    said = headers.get("x-amz-content-sha256", sent)
    if said not in {sent, sigv4.UNSIGNED_PAYLOAD} and not said.startswith("STREAMING-"):
        return False
    return not sigv4.header_signature_failure(
        signature, keys.secret_access_key, scope["method"], raw_path.decode("latin-1"), query, headers, body
    )


async def _read_ahead(receive: Receive) -> tuple[bytes, Receive]:
    """Read a request's body; return it and a way to receive it once more."""
    messages: list[MutableMapping[str, Any]] = []
    while True:
        messages.append(message := await receive())
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    body = b"".join(message.get("body", b"") for message in messages)
    left = iter(messages)

    async def again() -> MutableMapping[str, Any]:
        return next(left, None) or await receive()

    return body, again


def _with_unknown_key(headers: list[tuple[bytes, bytes]], key: str) -> list[tuple[bytes, bytes]]:
    return [
        (name, value.replace(f"Credential={key}/".encode(), f"Credential={_UNKNOWN_KEY}/".encode()))
        for name, value in headers
    ]


def _without_unusable_signature(headers: list[tuple[bytes, bytes]], region: str) -> list[tuple[bytes, bytes]]:
    """Leave out an Authorization header that API Gateway wouldn't take for a signature.

    The emulator lets any through on a route with IAM authorization, and checks no scope. Without
    the header it answers as API Gateway does: 403 there, and elsewhere as if it weren't there.
    Source: API Gateway developer guide, "Control access to HTTP APIs with IAM authorization".
    """
    scope = f"/{region}/execute-api/aws4_request".encode()
    return [
        (name, value)
        for name, value in headers
        if name.lower() != b"authorization" or (value.startswith(_SIGNATURE.encode()) and scope in value)
    ]


async def _refuse(send: Send, status: HTTPStatus, reason: str) -> None:
    body = f"{reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    # Closed, because nobody reads the request's body.
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})


def _leave_delivery_to_the_poller() -> None:
    """Never start the emulator's own delivery of event source mappings.

    It ignores a stream's retries, bisecting and partial batches, and would deliver a second time
    what local/event_source_mappings/ delivers. So a mapping's state says what it says on AWS.
    """
    service: Any = lambda_svc
    service._ensure_poller = lambda: None  # noqa: SLF001  where the emulator starts it


def _make_functions_ready_soon() -> None:
    """Let a new or changed function be Active after 20 ms; the emulator pretends half a second."""
    service: Any = lambda_svc
    service._LAMBDA_STATE_TRANSITION_DELAY = 0.02  # noqa: SLF001  a module's constant


def _draw_function_credentials() -> None:
    """Make the credentials of functions' roles unknown too: the emulator derives them from ARNs.

    Only the role's name counts in the session; so a drawn path before it changes the keys alone.
    """
    derive: Any = vars(lambda_runtime)["execution_credentials"]
    path = secrets.token_hex(16)

    def drawn(config: dict[str, Any]) -> dict[str, str]:
        before, _, name = config.get("Role", "").rpartition("/")
        return derive({**config, "Role": f"{before}/{path}/{name}"})

    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = drawn


def _keep_mails(mailbox: Path) -> None:
    """Put mails into the mailbox; no sender is verified here, as nothing leaves this machine."""
    sender: Any = importlib.import_module("ministack.services.ses_v2")
    # The emulator authorizes SendEmail on *, SES on the sender's identity.
    resources: Any = vars(iam_actions)["_SES_V2_RESOURCES"]
    resources["outbound-emails"] = ("identity", "FromEmailAddress")

    def keep(_source: str, _recipients: list[str], message: str) -> None:
        keep_mail(mailbox, message)

    def accepted(*_addresses: object) -> None:
        return None

    sender._smtp_relay = keep  # noqa: SLF001  where the emulator hands a mail on
    sender._message_rejection = accepted  # noqa: SLF001


def main() -> None:
    """Run the emulator, configured by its environment variables, until SIGTERM."""
    keys = RootKeys(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    _leave_delivery_to_the_poller()
    _draw_function_credentials()
    _make_functions_ready_soon()
    forget_ids_in_order()
    load_models_early(os.environ["SERVICES"].split(","))
    use_these_ids()
    throttle_stages()
    honour_shares()
    changes = Changes()
    note_changes(changes)
    count_invocations(partial(changes.note, METRICS))
    evaluate_no_alarms()
    end_unused_versions()
    lambda_runtime.subprocess = without_emulator_settings(dict(os.environ))
    if mailbox := os.environ.get(MAILBOX_VARIABLE):
        _keep_mails(Path(mailbox))
    application: Any = vars(emulator)["app"]
    emulator.app = guarded(telling(application, changes), keys, os.environ["MINISTACK_REGION"])
    emulator.main()


if __name__ == "__main__":
    main()
