"""Lambda's entry for the queue of registrations that a mail is due about."""

import json
import time

# First, because it sets the thresholds before botocore is imported.
import functions.runtime.garbage_collection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.runtime import aws as aws_clients

# At the start, where Lambda gives a function a whole processor: each batch needs such a client.
from functions.runtime import botocore_clients  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.runtime.aws import call_reason
from functions.runtime.invocation import read_text
from functions.runtime.json_log import JsonObject, is_object, log
from functions.runtime.trace import trace_of
from functions.send_registration_mail.mail import Mails, SesSender
from functions.users.pending_store import pending_from_environment
from functions.users.user import UnavailableError


def handler(event: JsonObject, _context: object) -> JsonObject:
    """Send the mails; the answer names the messages that must stay in the queue."""
    sender = SesSender(aws_clients.ses(), read_text("MAIL_SENDER"))
    mails = Mails(pending_from_environment(), sender.send, read_text("CONFIRMATION_PAGE"), time.time)
    return send_all(event["Records"], mails)


def send_all(messages: list[JsonObject], mails: Mails) -> JsonObject:
    """Send the mail of each message, and name those of which it failed.

    A message that fails comes again, and after its last try goes to the dead-letter queue.
    """
    failed: list[str] = []
    for message in messages:
        user_id, caused = "", dict[str, str]()
        try:
            user_id, caused = _registration(message["body"])
            outcome = mails.send(user_id)
        except Exception as error:  # noqa: BLE001  whatever it is, the other mails are sent
            reason = error.cause if isinstance(error, UnavailableError) else call_reason(error)
            log("WARNING", "REGISTRATION MAIL NOT SENT:", registration=user_id, reason=reason, **caused)
            failed.append(message["messageId"])
        else:
            log("INFO", "REGISTRATION MAIL:", registration=user_id, outcome=outcome, **caused)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _registration(body: str) -> tuple[str, dict[str, str]]:
    """Return a message's registration, and the request that made it, as the log shows that."""
    content = json.loads(body)
    if not (is_object(content) and isinstance(content.get("registration"), str)):
        raise ValueError("not a message of register_user")
    trace = trace_of(content.get("requestId"), None)
    return content["registration"], {} if trace is None else trace.fields()
