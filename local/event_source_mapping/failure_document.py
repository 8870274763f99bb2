"""The message for the on-failure destination, key for key as AWS writes it.

Form: Lambda developer guide, "Retaining discarded batches for a DynamoDB event source". Recorded besides: an age
drop without invocation has no responseContext and counts 1; a failure that the function returned has functionError
null; the message's time has milliseconds, the arrivals have none.
"""

import json
from datetime import UTC, datetime

from functions.json_types import JsonObject
from local.event_source_mapping.failures import Discard
from local.event_source_mapping.records import event_payload
from local.event_source_mapping.settings import MappingSettings


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
