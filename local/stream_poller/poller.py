"""Carries out a delivery's actions, each call in its own thread, and feeds the results back."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from delivery import messages
from delivery.decisions import DiscardedBatch, FunctionFailed, FunctionReturned, InvocationOutcome, NotAdmitted
from delivery.delivery import Delivery
from delivery.failure_documents import document_text, failure_document, with_payload
from delivery.messages import SendAttempted
from delivery.records import Invocation, StreamRecord, event_payload
from delivery.settings import MappingSettings
from functions.runtime.aws import AWS_CALL_ERRORS, error_code, http_status
from functions.runtime.json_log import Log
from local.aws_clients import STALE_CREDENTIALS

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


_LONGEST_SLEEP_SECONDS = 1.0
"""The clock is read at least this often: when a laptop wakes up, all its waits may be over."""

_SET_BACK_SECONDS = 1.0
"""Tolerated step back of the system's clock: the delivery waits until the clock has caught up."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What the poller calls to carry out a delivery's actions."""

    list_shards: Callable[[], messages.ShardsListed | messages.ListingFailed]
    read: Callable[[messages.ReadShard], messages.PageRead | messages.ReadFailed]
    invoke: Callable[[Sequence[StreamRecord]], InvocationOutcome]
    send_document: Callable[[str, DiscardedBatch], messages.SendAttempted]
    save: Callable[[messages.Checkpoint], None]
    log: Log


class Poller:
    """Runs one delivery."""

    def __init__(self, delivery: Delivery, ports: Ports) -> None:
        self._delivery = delivery
        self._ports = ports
        # A SimpleQueue's put is reentrant (documentation of `queue`): a signal handler may call it.
        self._events: queue.SimpleQueue[messages.Event | Exception | None] = queue.SimpleQueue()
        self._ending = False
        self._invocations = 0
        self._now = 0.0

    def end(self) -> None:
        """Start no further action. May be called from any thread and from a signal handler."""
        self._ending = True
        self._events.put(None)

    def run(self, grace_seconds: float) -> None:
        """Deliver until `end` is called, or the clock is set back and a new delivery must begin.

        At the end it waits `grace_seconds` for invocations in flight. What is open then, or when a
        call raises an unhandled error here, is delivered again by the next run.
        """
        while not (self._ending or self._is_set_back()):
            for action in self._delivery.step(self._time(), self._wait(self._seconds_to_wait())):
                self._carry_out(action)
        deadline = time.monotonic() + grace_seconds
        while self._invocations and (left := deadline - time.monotonic()) > 0:
            for action in self._delivery.step(self._time(), self._wait(left)):
                if isinstance(action, messages.SaveCheckpoint | messages.LogEvent):
                    self._carry_out(action)

    def _is_set_back(self) -> bool:
        behind = self._now - time.time()
        if behind <= _SET_BACK_SECONDS:
            return False
        next_step = "delivery begins again from its checkpoint"
        self._ports.log("WARNING", "CLOCK SET BACK:", seconds=round(behind, 1), next=next_step)
        return True

    def _time(self) -> float:
        # The system's clock can go back, the delivery's must not.
        self._now = max(self._now, time.time())
        return self._now

    def _seconds_to_wait(self) -> float:
        due = self._delivery.next_time()
        return _LONGEST_SLEEP_SECONDS if due is None else min(max(due - self._time(), 0.0), _LONGEST_SLEEP_SECONDS)

    def _wait(self, timeout_seconds: float) -> list[messages.Event]:
        """Return the events so far, as soon as there is one or the time is over."""
        events: list[messages.Event] = []
        try:
            event = self._events.get(timeout=timeout_seconds) if timeout_seconds > 0 else self._events.get_nowait()
            while True:
                if isinstance(event, Exception):
                    raise event
                if event is not None:
                    events.append(event)
                    self._invocations -= isinstance(event, messages.Invoked)
                event = self._events.get_nowait()
        except queue.Empty:
            return events

    def _carry_out(self, action: messages.Action) -> None:
        ports = self._ports
        match action:
            case messages.LogEvent(level, message, fields):
                ports.log(level, message, **fields)
            case messages.SaveCheckpoint(checkpoint):
                ports.save(checkpoint)
            case messages.ListShards():
                self._call(ports.list_shards)
            case messages.ReadShard():
                self._call(lambda: ports.read(action))
            case messages.Invoke(shard_id, lane, batch):
                self._invocations += 1
                self._call(lambda: messages.Invoked(shard_id, lane, ports.invoke(batch.records)))
            case messages.SendDocument(shard_id, discarded):
                self._call(lambda: ports.send_document(shard_id, discarded))

    def _call(self, call: Callable[[], messages.Event]) -> None:
        # Daemons, so that a function that runs for minutes doesn't delay the end of this process.
        threading.Thread(target=self._call_and_report, args=(call,), daemon=True).start()

    def _call_and_report(self, call: Callable[[], messages.Event]) -> None:
        try:
            self._events.put(call())
        except Exception as error:  # noqa: BLE001  `run` raises it: otherwise the lane would wait in silence
            self._events.put(error)


# Invokes the function through Lambda's API, and sends failure documents.
#
# Rules: Lambda API reference, "Invoke": a response of 200 with FunctionError is the function's own
# failure; after anything but a 200 the function wasn't invoked, or nobody knows, and the batch is
# delivered again. Lambda developer guide, "Retaining discarded batches for a DynamoDB event
# source": a bucket also gets the event itself, under `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-
# MM-DDTHH.MM.SS-<random UUID>`.

_NOT_NOW = STALE_CREDENTIALS | {
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "SlowDown",
}
"""Codes that refuse the call, not the document. On AWS a role's credentials don't become stale."""

_SERVER_ERROR = 500


def invoke_function(client: "LambdaClient", function_arn: str, records: Sequence[StreamRecord]) -> InvocationOutcome:
    """Deliver a batch, and wait for the outcome.

    The client must not retry by itself, and must wait longer than the function may run.
    """
    try:
        answer = client.invoke(FunctionName=function_arn, Payload=event_payload(records))
        payload = answer["Payload"].read()
    except AWS_CALL_ERRORS as error:
        return NotAdmitted(str(error))
    function_error: str | None = answer.get("FunctionError")
    invocation = Invocation(
        request_id=answer["ResponseMetadata"]["RequestId"],
        executed_version=answer.get("ExecutedVersion", "$LATEST"),
        status_code=answer["StatusCode"],
        function_error=function_error or None,
    )
    return FunctionFailed(invocation) if function_error else FunctionReturned(payload, invocation)


def send_failure_document(
    client: Callable[[str], Any], settings: MappingSettings, shard_id: str, discarded: DiscardedBatch
) -> SendAttempted:
    """Send the document of a discarded batch to the mapping's on-failure queue, topic or bucket.

    `client` returns the client of a service, with the function's role.
    """
    destination = settings.destination_arn or ""
    _, _, service, _, account_id, name = destination.split(":", 5)
    document = failure_document(discarded, shard_id, settings, str(uuid4()))
    try:
        if service == "sqs":
            sqs = client("sqs")
            url = f"{sqs.meta.endpoint_url}/{account_id}/{name}"
            sqs.send_message(QueueUrl=url, MessageBody=document_text(document))
        elif service == "sns":
            client("sns").publish(TopicArn=destination, Message=document_text(document))
        else:
            moment = datetime.fromtimestamp(discarded.at, UTC)
            folder = f"aws/lambda/{settings.uuid}/{shard_id}/{moment:%Y/%m/%d}"
            client("s3").put_object(
                Bucket=name,
                Key=f"{folder}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid4()}",
                Body=document_text(with_payload(document, discarded)).encode("ascii"),
                ContentType="application/octet-stream",
            )
    except ClientError as error:
        not_now = error_code(error) in _NOT_NOW or http_status(error) >= _SERVER_ERROR
        return SendAttempted("unreachable" if not_now else "refused", str(error))
    except AWS_CALL_ERRORS as error:
        return SendAttempted("unreachable", str(error))
    return SendAttempted("delivered")
