"""What can go wrong on the wire to AWS, in the forms that AWS's clients believe, and in what order it does."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from random import Random
from threading import Lock
from typing import NamedTuple


class Fault(Enum):
    """What happens to one request."""

    THROTTLED = auto()
    SERVER_ERROR = auto()
    UNPROCESSED = auto()
    """A BatchWriteItem is answered, with nothing of it done; other calls are throttled."""
    RESET_BEFORE = auto()
    """The connection is reset, and nothing was done."""
    RESET_AFTER = auto()
    """All was done, and the answer is lost."""
    CUT_OFF = auto()
    """All was done, and half of the answer comes."""
    TIMED_OUT = auto()
    """All was done, and the answer comes when nobody waits for it any more."""
    KILLED_BEFORE = auto()
    """The caller is killed, and nothing was done."""
    KILLED_AFTER = auto()
    """The caller is killed when all was done, before it hears of it."""
    DENIED = auto()
    """No fault of the deck: for changes that are stubborn."""


EACH = [fault for fault in Fault if fault is not Fault.DENIED]
"""The first deck: whatever is short, meets every one of them."""

OFTEN = [
    *[Fault.THROTTLED, Fault.SERVER_ERROR, Fault.UNPROCESSED] * 4,
    *[Fault.RESET_BEFORE, Fault.RESET_AFTER] * 3,
    *[Fault.CUT_OFF] * 2,
    *[Fault.TIMED_OUT, Fault.KILLED_BEFORE, Fault.KILLED_AFTER],
]
"""Every later deck: the dear ones once, the cheap ones more often."""


class Request(NamedTuple):
    """One request as it came over the wire."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """The called operation, for example `BatchWriteItem`; for Lambda's API the kind of resource."""
        target = self.headers.get("X-Amz-Target")
        if target is not None:
            return target.partition(".")[2]
        if self.path.endswith("/invocations"):
            return "Invoke"
        return "AssumeRole" if b"Action=AssumeRole" in self.body else self.path.split("/")[2]


class Answer(NamedTuple):
    """One answer."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Deck:
    """Deals each fault of a shuffled deck in turn, one to every so many requests: none is left to chance.

    Args:
        every: A request in so many meets a fault.
        seed: Of the shuffling.
        stubborn: Words in a request's body; as long as the deck is dealt, such a BatchWriteItem is denied.
    """

    def __init__(self, every: int, seed: int, stubborn: bytes = b"\0") -> None:
        self.dealt: Counter[str] = Counter()
        self.calm = False
        self._every = every
        self._dice = Random(seed)  # noqa: S311  a test's dice
        self._stubborn = stubborn
        self._waiting = self._shuffled(EACH)
        self._requests = 0
        self._lock = Lock()

    def deal(self, request: Request) -> Fault | None:
        """Give what happens to a request."""
        with self._lock:
            fault = self._next(request)
            if fault is not None:
                self.dealt[fault.name] += 1
            return fault

    def _next(self, request: Request) -> Fault | None:
        if self.calm:
            return None
        if request.operation == "BatchWriteItem" and self._stubborn in request.body:
            return Fault.DENIED
        self._requests += 1
        if self._requests % self._every:
            return None
        if not self._waiting:
            self._waiting = self._shuffled(OFTEN)
        return self._waiting.pop()

    def _shuffled(self, faults: Sequence[Fault]) -> list[Fault]:
        return self._dice.sample(faults, len(faults))


def refusal(request: Request, fault: Fault) -> Answer:
    """Give AWS's answer to a request that meets THROTTLED, SERVER_ERROR, UNPROCESSED or DENIED.

    Forms: the protocols of botocore's service models: JSON with `__type` (DynamoDB, its streams, SQS), REST-JSON with a
    header (Lambda), XML (STS, S3).
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
