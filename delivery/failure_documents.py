"""The message for the on-failure destination, key for key as AWS writes it.

Form: Lambda developer guide, "Retaining discarded batches for a DynamoDB event source". Recorded besides: an age
drop without invocation has no responseContext and counts 1; a failure that the function returned has functionError
null; the message's time has milliseconds, the arrivals have none.
"""

import json
from collections import deque
from datetime import UTC, datetime
from typing import NamedTuple

from delivery.decisions import Discard
from delivery.records import event_payload
from delivery.settings import MappingSettings, Parameters
from functions.runtime.json_log import JsonObject


def failure_document(discard: Discard, shard_id: str, settings: MappingSettings, request_id: str) -> JsonObject:
    """Return the document of a batch that was given up.

    Args:
        discard: The batch.
        shard_id: Where its records lie.
        settings: Of the mapping.
        request_id: Names the document if there was no invocation whose id could.
    """
    first, last = discard.records[0], discard.records[-1]
    invocation = discard.last_invocation
    document: JsonObject = {
        "requestContext": {
            "requestId": request_id if invocation is None else invocation.request_id,
            "functionArn": settings.function_arn,
            "condition": discard.condition,
            "approximateInvokeCount": max(1, discard.invocations),
        },
        "responseContext": None,
        "version": "1.0",
        "timestamp": _utc(discard.at, "milliseconds"),
        "DDBStreamBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _utc(first.written_at, "seconds"),
            "approximateArrivalOfLastRecord": _utc(last.written_at, "seconds"),
            "batchSize": len(discard.records),
            "streamArn": settings.stream_arn,
        },
    }
    if invocation is None:
        del document["responseContext"]
    else:
        document["responseContext"] = {
            "statusCode": invocation.status_code,
            "executedVersion": invocation.executed_version,
            "functionError": invocation.function_error,
        }
    return document


def with_payload(document: JsonObject, discard: Discard) -> JsonObject:
    """Return the document as a bucket gets it: with the event itself, as a text."""
    return {**document, "payload": event_payload(discard.records).decode("ascii")}


def document_text(document: JsonObject) -> str:
    """Return the document as it is sent."""
    return json.dumps(document, separators=(",", ":"))


def _utc(seconds: float, timespec: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


# Failure documents on their way to the destination: one after the other, each until it is settled.


class Parcel(NamedTuple):
    """A batch that was given up, with the shard it is from."""

    shard_id: str
    discard: Discard


class Outbox:
    """The documents that are not settled.

    Args:
        parameters: For the waits between attempts.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._parcels: deque[Parcel] = deque()
        self._sending = False
        self._failures = 0
        self._not_before = 0.0

    def __len__(self) -> int:
        """Return how many documents wait."""
        return len(self._parcels)

    def add(self, parcel: Parcel) -> None:
        """Take one more."""
        self._parcels.append(parcel)

    def next_time(self) -> float | None:
        """Return when the next attempt is due, in the past if at once; None when none is or one is under way."""
        return self._not_before if self._parcels and not self._sending else None

    def start(self, now: float) -> Parcel | None:
        """Take the next attempt into flight, if one is due."""
        due = self.next_time()
        if due is None or due > now:
            return None
        self._sending = True
        return self._parcels[0]

    def settle(self) -> Parcel:
        """Take the parcel under way out: it was delivered or dropped."""
        self._sending = False
        self._failures = 0
        return self._parcels.popleft()

    def postpone(self, now: float) -> None:
        """Keep the parcel under way for another attempt."""
        self._sending = False
        self._failures += 1
        self._not_before = now + self._parameters.outage_wait(self._failures)
