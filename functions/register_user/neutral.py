"""`POST /register` with neutral answers: the same whether the address is known or not.

Nothing here looks at the address. What differs, the mail, is up to send_registration_mail.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from functions.http_api.endpoint import Response
from functions.http_api.registration import idempotency_key
from functions.http_api.request import Request, json_object
from functions.runtime.aws import sqs
from functions.runtime.invocation import read_text
from functions.runtime.json_log import json_line
from functions.users.confirmation import PendingStore, request_registration
from functions.users.fields import FIELDS, Fields
from functions.users.pending_store import pending_from_environment
from functions.users.transaction import unavailability

MESSAGE = "Follow the link in the mail that we sent you to complete the registration"

AskForMail = Callable[[str, str], None]
"""Has a mail sent about the registration with this id, which the request with that id made."""


def neutral_endpoint(request: Request) -> Response:
    """Answer on the deployed tables and queue."""
    return request_endpoint(request, pending_from_environment(), _ask_for_mail)


def request_endpoint(
    request: Request, store: PendingStore, ask_for_mail: AskForMail, fields: Fields = FIELDS
) -> Response:
    """Keep the registration in the request's body; 202. Raise `UserError` if refused.

    A repeat with the same Idempotency-Key asks for the mail once more.
    """
    key = idempotency_key(request)
    registration = fields.parse_registration(json_object(request))
    user_id = request_registration(store, registration, idempotency_key=key, now=datetime.now(UTC))
    ask_for_mail(user_id, request.request_id)
    return Response(status=HTTPStatus.ACCEPTED, body={"message": MESSAGE}, logged={"registration": user_id})


def _ask_for_mail(user_id: str, request_id: str) -> None:
    # If this fails the registration is kept, and a repeat of the request completes it.
    with unavailability():
        body = json_line({"registration": user_id, "requestId": request_id})
        sqs().send_message(QueueUrl=read_text("REGISTRATION_MAILS_QUEUE"), MessageBody=body)
