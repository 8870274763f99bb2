"""`POST /register`: stores a new user, or with neutral answers asks for a link to be followed."""

import os
from datetime import UTC, datetime
from typing import Any

# First, because it sets the thresholds before botocore is imported.
import functions.runtime.garbage_collection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.http_api.endpoint import Response, answer
from functions.http_api.registration import idempotency_key, registered
from functions.http_api.request import Event, Request, json_object
from functions.users.dynamodb_store import store_from_environment
from functions.users.fields import FIELDS, Fields
from functions.users.service import register
from functions.users.user import UsersStore

if "REGISTRATION_MAILS_QUEUE" in os.environ:
    # At the start, where Lambda gives a function a whole processor: each request needs SQS.
    from functions.runtime import botocore_clients  # noqa: F401  # pyright: ignore[reportUnusedImport]


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Answer an HTTP API event (payload format 2.0) on the deployed tables."""
    if "REGISTRATION_MAILS_QUEUE" in os.environ:
        # Here, because stacks with explicit answers would pay for it at each cold start.
        from functions.register_user.neutral import neutral_endpoint  # noqa: PLC0415

        return answer(event, neutral_endpoint)
    return answer(event, lambda request: register_endpoint(request, store_from_environment()))


def register_endpoint(request: Request, store: UsersStore, fields: Fields = FIELDS) -> Response:
    """Register the user in the request's body; 201 with its id. Raise `UserError` if refused."""
    key = idempotency_key(request)
    registration = fields.parse_registration(json_object(request))
    now = datetime.now(UTC)
    return registered(register(store, registration, idempotency_key=key, now=now, trace=request.trace))
