"""`POST /register`: stores a new user."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

# First, because it sets the thresholds before botocore is imported.
import functions.runtime.garbage_collection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.http_api.endpoint import Response, answer
from functions.http_api.request import (
    IDEMPOTENCY_KEY_LENGTH,
    Event,
    MalformedRequestError,
    Request,
    entity_tag,
    json_object,
)
from functions.users.dynamodb_store import store_from_environment
from functions.users.fields import FIELDS, Fields
from functions.users.service import register
from functions.users.user import FIRST_VERSION, SELF, UsersStore


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Answer an HTTP API event (payload format 2.0) on the deployed tables."""
    return answer(event, lambda request: register_endpoint(request, store_from_environment()))


def register_endpoint(request: Request, store: UsersStore, fields: Fields = FIELDS) -> Response:
    """Register the user in the request's body; 201 with its id. Raise `UserError` if refused."""
    key = _idempotency_key(request)
    registration = fields.parse_registration(json_object(request))
    user_id = register(store, registration, idempotency_key=key, now=datetime.now(UTC))
    return Response(
        status=HTTPStatus.CREATED,
        body={"message": "User registered successfully", "userId": user_id},
        headers={"location": f"/users/{user_id}", "etag": entity_tag(FIRST_VERSION)},
        logged={"userId": user_id, "actor": SELF},
    )


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None or (len(key) in IDEMPOTENCY_KEY_LENGTH and key.isascii() and key.isprintable()):
        return key
    least, most = IDEMPOTENCY_KEY_LENGTH[0], IDEMPOTENCY_KEY_LENGTH[-1]
    raise MalformedRequestError(f"Idempotency-Key takes {least} to {most} printable ASCII characters.")
