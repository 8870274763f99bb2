"""A queue's calls: receive, hide, invoke its function, delete.

What AWS's pollers do, receive and delete, is done with the function's role, which must allow it as
on AWS. To hide and show messages around a crash of the poller is this machine's own affair, and
done with its own rights.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from delivery import queue_messages as messages
from delivery.assumptions import Assumptions
from delivery.decisions import InvocationOutcome
from delivery.messages import LogEvent
from delivery.queue import MOST_MESSAGES_PER_CALL
from delivery.settings import QueueMappingSettings
from functions.runtime.botocore_clients import AWS_CALL_ERRORS
from functions.runtime.json_log import Log

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

LONG_POLL_SECONDS = 8
"""Of a receive; less than the client waits for an answer (`ONE_ATTEMPT`)."""

_ATTRIBUTES_SECONDS = 30.0
"""How long the queue's visibility timeout is remembered."""

_GONE = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"})
"""Codes of an entry whose message isn't in flight by this receipt handle any more."""


class QueuePorts:
    """What a queue's delivery calls.

    Args:
        role_client: returns the client of SQS with the function's role.
        own_client: with the rights of this machine.
        settings: of the mapping.
        assumptions: of the delivery.
        invoke: invokes the function with an event.
        save: saves the checkpoint.
        log: takes the delivery's events.
    """

    def __init__(  # noqa: PLR0913  each is one port
        self,
        *,
        role_client: "Callable[[], SQSClient]",
        own_client: "SQSClient",
        settings: QueueMappingSettings,
        assumptions: Assumptions,
        invoke: Callable[[bytes], InvocationOutcome],
        save: Callable[[messages.QueueCheckpoint], None],
        log: Log,
    ) -> None:
        self._role_client = role_client
        self._own_client = own_client
        self._queue_arn = settings.queue_arn
        _, _, _, _, account_id, name = settings.queue_arn.split(":")
        self._url = f"{own_client.meta.endpoint_url}/{account_id}/{name}"
        self._hold_seconds = round(assumptions.hold_seconds)
        self._invoke = invoke
        self._save = save
        self._log = log
        self._visibility_seconds = 0
        self._known_until = 0.0
        self._closed = False

    def close(self) -> None:
        """Show at once what a receive that is still under way gets: nobody delivers it."""
        self._closed = True

    @property
    def awaited(self) -> tuple[type, ...]:
        """The actions whose result is waited for when the poller ends."""
        return messages.InvokeWithMessages, messages.DeleteMessages

    @property
    def completing(self) -> tuple[type, ...]:
        """The actions that are carried out even then."""
        return messages.DeleteMessages, messages.SaveQueueCheckpoint, LogEvent

    def carry_out(self, action: messages.QueueAction) -> Callable[[], messages.QueueEvent] | None:
        """Carry out an action at once, or return the call that does and returns its result."""
        match action:
            case LogEvent(level, message, fields):
                self._log(level, message, **fields)
            case messages.SaveQueueCheckpoint(checkpoint):
                self._save(checkpoint)
            case messages.ShowMessages(handles):
                return lambda: messages.Shown(handles, self._change_visibility(handles, 0, ignore=_GONE))
            case messages.ReceiveMessages(limit):
                return lambda: self._receive(limit)
            case messages.HideMessages(hidden):
                handles = [message.receipt_handle for message in hidden]
                return lambda: messages.Hidden(hidden, self._change_visibility(handles, self._visibility_seconds))
            case messages.InvokeWithMessages(number, batch):
                return lambda: messages.InvokedWithMessages(number, self._invoke(messages.messages_payload(batch)))
            case messages.DeleteMessages(deleted):
                return lambda: messages.Deleted(deleted, self._delete(deleted))
        return None

    def _receive(self, limit: int) -> messages.Received | messages.ReceiveFailed:
        try:
            client = self._role_client()
            if time.monotonic() >= self._known_until:
                name = "VisibilityTimeout"
                attributes = client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])["Attributes"]
                self._visibility_seconds = int(attributes[name])
                self._known_until = time.monotonic() + _ATTRIBUTES_SECONDS
            answer = client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=limit,
                WaitTimeSeconds=LONG_POLL_SECONDS,
                VisibilityTimeout=self._hold_seconds,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except AWS_CALL_ERRORS as error:
            return messages.ReceiveFailed(str(error))
        received = [messages.queue_message(message, self._queue_arn) for message in answer.get("Messages", [])]
        if self._closed:
            self._change_visibility([message.receipt_handle for message in received], 0)
        return messages.Received(received, self._visibility_seconds)

    def _change_visibility(
        self, handles: Sequence[str], seconds: int, ignore: frozenset[str] = frozenset()
    ) -> str | None:
        """Return why it failed for one of the messages, or None; errors to ignore count as done."""
        for start in range(0, len(handles), MOST_MESSAGES_PER_CALL):
            entries: Any = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for number, handle in enumerate(handles[start : start + MOST_MESSAGES_PER_CALL])
            ]
            try:
                answer = self._own_client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            except AWS_CALL_ERRORS as error:
                return str(error)
            if failure := _failure(answer.get("Failed", []), ignore):
                return failure
        return None

    def _delete(self, deleted: Sequence[messages.QueueMessage]) -> str | None:
        entries: Any = [
            {"Id": str(number), "ReceiptHandle": message.receipt_handle} for number, message in enumerate(deleted)
        ]
        try:
            answer = self._role_client().delete_message_batch(QueueUrl=self._url, Entries=entries)
        except AWS_CALL_ERRORS as error:
            return str(error)
        return _failure(answer.get("Failed", []), _GONE)


def _failure(failed: Sequence[Any], ignore: frozenset[str]) -> str | None:
    """Return the first failure of a batch call that isn't to be ignored."""
    return next((f"{each['Code']}: {each.get('Message', '')}" for each in failed if each["Code"] not in ignore), None)
