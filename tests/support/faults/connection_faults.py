"""Faults on a connection to AWS, as AWS's clients see them, and the order in which they happen."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from random import Random
from threading import Lock
from typing import NamedTuple


class Fault(Enum):
    """What happens to one request.

    UNPROCESSED: BatchWriteItem returns every item as unprocessed; another operation is throttled.
    RESET_BEFORE: The connection is reset before the request is carried out; RESET_AFTER:
    afterwards. CUT_OFF: The request is carried out, and half of the answer comes. TIMED_OUT: The
    request is carried out, and the answer comes after the caller's time-out. KILLED_BEFORE: The
    caller is killed before the request is carried out; KILLED_AFTER: afterwards, before the answer.
    DENIED: For the changes of a denied user alone; no deck has it.
    """

    THROTTLED = auto()
    SERVER_ERROR = auto()
    UNPROCESSED = auto()
    RESET_BEFORE = auto()
    RESET_AFTER = auto()
    CUT_OFF = auto()
    TIMED_OUT = auto()
    KILLED_BEFORE = auto()
    KILLED_AFTER = auto()
    DENIED = auto()


EVERY_FAULT = [fault for fault in Fault if fault is not Fault.DENIED]
"""The first deck, so that even a short run meets every one."""

LATER_DECK = [
    *[Fault.THROTTLED, Fault.SERVER_ERROR, Fault.UNPROCESSED] * 4,
    *[Fault.RESET_BEFORE, Fault.RESET_AFTER] * 3,
    *[Fault.CUT_OFF] * 2,
    *[Fault.TIMED_OUT, Fault.KILLED_BEFORE, Fault.KILLED_AFTER],
]
"""Every later deck: the slow faults once, the quick ones more often."""


class Request(NamedTuple):
    """One HTTP request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """The operation, such as `BatchWriteItem`; for Lambda's API the resource in the path."""
        target = self.headers.get("X-Amz-Target")
        if target is not None:
            return target.partition(".")[2]
        if self.path.endswith("/invocations"):
            return "Invoke"
        return "AssumeRole" if b"Action=AssumeRole" in self.body else self.path.split("/")[2]


class Answer(NamedTuple):
    """One HTTP response."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class FaultDeck:
    """Deal the faults of a shuffled deck in turn to every n-th request, so that each fault happens.

    Args:
        requests_per_fault: The n.
        seed: Of the shuffling.
        denied: While faults are on, a BatchWriteItem with these bytes in its body is denied.
    """

    def __init__(self, requests_per_fault: int, seed: int, denied: bytes = b"\0") -> None:
        self.dealt: Counter[str] = Counter()
        self.on = True
        self._requests_per_fault = requests_per_fault
        self._dice = Random(seed)  # noqa: S311  a test's dice
        self._denied = denied
        self._waiting = self._shuffled(EVERY_FAULT)
        self._requests = 0
        self._lock = Lock()

    def deal(self, request: Request) -> Fault | None:
        """Return what happens to a request; None if nothing does."""
        with self._lock:
            fault = self._next(request)
            if fault is not None:
                self.dealt[fault.name] += 1
            return fault

    def _next(self, request: Request) -> Fault | None:
        if not self.on:
            return None
        if request.operation == "BatchWriteItem" and self._denied in request.body:
            return Fault.DENIED
        self._requests += 1
        if self._requests % self._requests_per_fault:
            return None
        if not self._waiting:
            self._waiting = self._shuffled(LATER_DECK)
        return self._waiting.pop()

    def _shuffled(self, faults: Sequence[Fault]) -> list[Fault]:
        return self._dice.sample(faults, len(faults))


def refusal(request: Request, fault: Fault) -> Answer:
    """Return AWS's answer to a request that meets THROTTLED, SERVER_ERROR, UNPROCESSED or DENIED.

    Source: the protocols in botocore's service models, which are JSON with `__type` (DynamoDB, its
    streams, SQS), REST-JSON with a header (Lambda) and XML (STS, S3).
    """
    service = request.headers.get("X-Amz-Target", "").partition("_")[0].partition(".")[0]
    if fault is Fault.UNPROCESSED and request.operation == "BatchWriteItem":
        unprocessed = {"UnprocessedItems": json.loads(request.body)["RequestItems"]}
        return Answer(200, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(unprocessed).encode())
    status, code = 500, "InternalServerError"
    if fault is Fault.DENIED:
        status, code = 400, "AccessDeniedException"
    elif fault is not Fault.SERVER_ERROR:
        status, code = {
            "DynamoDB": (400, "ProvisionedThroughputExceededException"),
            "DynamoDBStreams": (400, "LimitExceededException"),
            "AmazonSQS": (403, "RequestThrottled"),
        }.get(service, (429, "TooManyRequestsException"))
    if service:
        document = {"__type": f"com.amazonaws.fault#{code}", "message": "injected"}
        headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-query-error", f"{code};Sender")]
        return Answer(status, headers, json.dumps(document).encode())
    if request.operation == "AssumeRole":
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>injected</Message></Error></ErrorResponse>"
        return Answer(status, [("Content-Type", "text/xml")], text.encode())
    return Answer(
        status, [("Content-Type", "application/json"), ("x-amzn-errortype", code)], b'{"Message": "injected"}'
    )
