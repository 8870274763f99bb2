"""What registering and confirming have in common: the Idempotency-Key, and the answer."""

from http import HTTPStatus

from functions.http_api.endpoint import Response
from functions.http_api.request import IDEMPOTENCY_KEY_LENGTH, MalformedRequestError, Request, entity_tag
from functions.runtime.metrics import REGISTRATIONS
from functions.users.user import FIRST_VERSION, SELF


def registered(user_id: str) -> Response:
    """Return the answer to who has registered a user."""
    return Response(
        status=HTTPStatus.CREATED,
        body={"message": "User registered successfully", "userId": user_id},
        headers={"location": f"/users/{user_id}", "etag": entity_tag(FIRST_VERSION)},
        logged={"userId": user_id, "actor": SELF},
        metrics=[REGISTRATIONS],
    )


def idempotency_key(request: Request) -> str | None:
    """Return the request's Idempotency-Key; raise `MalformedRequestError` if it can't be one."""
    key = request.headers.get("idempotency-key")
    if key is None or (len(key) in IDEMPOTENCY_KEY_LENGTH and key.isascii() and key.isprintable()):
        return key
    least, most = IDEMPOTENCY_KEY_LENGTH[0], IDEMPOTENCY_KEY_LENGTH[-1]
    raise MalformedRequestError(f"Idempotency-Key takes {least} to {most} printable ASCII characters.")
