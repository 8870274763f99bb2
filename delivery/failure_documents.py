"""The message about a discarded batch for the on-failure destination, key for key as AWS writes it.

Form: Lambda developer guide, "Retaining discarded batches for a DynamoDB event source". Recorded on
AWS besides: records that expired have no responseContext, also if they were invoked before, and
count 1 without an invocation; after a failure that the function returned, functionError is null;
the message's timestamp has milliseconds, the arrival times have none.
"""

import json
from datetime import UTC, datetime

from delivery.decisions import DiscardedBatch
from delivery.records import event_payload
from delivery.settings import MappingSettings
from functions.runtime.json_log import JsonObject


def failure_document(
    discarded: DiscardedBatch, shard_id: str, settings: MappingSettings, request_id: str
) -> JsonObject:
    """Return the document; `request_id` is used when no invocation has given one."""
    first, last = discarded.records[0], discarded.records[-1]
    invocation = discarded.last_invocation
    context: JsonObject = {}
    if invocation is not None:
        request_id = invocation.request_id
        if discarded.condition != "RecordAgeExceeded":
            context["responseContext"] = {
                "statusCode": invocation.status_code,
                "executedVersion": invocation.executed_version,
                "functionError": invocation.function_error,
            }
    return {
        "requestContext": {
            "requestId": request_id,
            "functionArn": settings.function_arn,
            "condition": discarded.condition,
            "approximateInvokeCount": max(1, discarded.invocations),
        },
        **context,
        "version": "1.0",
        "timestamp": _utc(discarded.at, "milliseconds"),
        "DDBStreamBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _utc(first.written_at, "seconds"),
            "approximateArrivalOfLastRecord": _utc(last.written_at, "seconds"),
            "batchSize": len(discarded.records),
            "streamArn": settings.stream_arn,
        },
    }


def with_payload(document: JsonObject, discarded: DiscardedBatch) -> JsonObject:
    """Return the document as a bucket gets it: with the event itself as a string."""
    return {**document, "payload": event_payload(discarded.records).decode("ascii")}


def document_text(document: JsonObject) -> str:
    """Return the document as it is sent."""
    return json.dumps(document, separators=(",", ":"))


def _utc(seconds: float, timespec: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
