"""`POST /register/confirmation`: registers the user whose link was followed."""

from datetime import UTC, datetime
from typing import Any

# First, because it sets the thresholds before botocore is imported.
import functions.runtime.garbage_collection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.http_api.endpoint import Response, answer
from functions.http_api.registration import registered
from functions.http_api.request import Event, MalformedRequestError, Request, json_object
from functions.users.confirmation import PendingStore, confirm_registration
from functions.users.pending_store import pending_from_environment


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Answer an HTTP API event (payload format 2.0) on the deployed tables."""
    return answer(
        event,
        lambda request: confirmation_endpoint(request, pending_from_environment(confirms=True)),
    )


def confirmation_endpoint(request: Request, store: PendingStore) -> Response:
    """Register the user of the link whose token is in the request's body; 201 with its id.

    Raise `UserError` if refused.
    """
    body = json_object(request)
    token = body.get("token")
    if not isinstance(token, str) or len(body) > 1:
        raise MalformedRequestError("Send the link's token, what comes after #confirm=, as text and alone.")
    return registered(confirm_registration(store, token, datetime.now(UTC), request.trace))
