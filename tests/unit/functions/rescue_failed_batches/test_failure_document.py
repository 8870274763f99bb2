"""Every recorded form of the mapping's failure message is read, and any other is refused."""

import json
import re
from typing import Any

import pytest

from functions.dead_letters.envelope import StreamPointer
from functions.rescue_failed_batches.failure_document import MalformedDocumentError, parse_failure_document
from functions.runtime.arns import streams_of
from functions.runtime.json_log import Json, JsonObject

# As recorded on AWS: from its developer guide and third parties' captures.
RETURNED_FAILURE: JsonObject = {
    "requestContext": {
        "requestId": "5a2d3c1f-0000-4000-8000-000000000000",
        "functionArn": "arn:aws:lambda:eu-west-1:000000000000:function:LogUserChangesFunction-test",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 2,
    },
    "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None},
    "version": "1.0",
    "timestamp": "2019-11-14T00:13:49.717Z",
    "DDBStreamBatchInfo": {
        "shardId": "shardId-00000001573689847184-864758bb",
        "startSequenceNumber": "9700001729061958505432",
        "endSequenceNumber": "71700001194713044981914",
        "approximateArrivalOfFirstRecord": "2019-11-14T00:13:19Z",
        "approximateArrivalOfLastRecord": "2019-11-14T00:13:19Z",
        "batchSize": 3,
        "streamArn": "arn:aws:dynamodb:eu-west-1:000000000000:table/Users-test/stream/2019-11-14T00:04:06.388",
    },
}
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:RescueFailedBatchesFunction-test"
STREAMS = (streams_of(FUNCTION_ARN, "Users-test"), streams_of(FUNCTION_ARN, "Activity-test"))
POINTER = StreamPointer(
    stream_arn="arn:aws:dynamodb:eu-west-1:000000000000:table/Users-test/stream/2019-11-14T00:04:06.388",
    shard_id="shardId-00000001573689847184-864758bb",
    start_sequence_number="9700001729061958505432",
    end_sequence_number="71700001194713044981914",
    batch_size=3,
)


def _with(path: str, value: Json) -> JsonObject:
    """Return the document with one part replaced, or removed by `...`."""
    document = json.loads(json.dumps(RETURNED_FAILURE))
    *way, name = path.split(".")
    container: Any = document
    for step in way:
        container = container[step]
    if value is ...:
        del container[name]
    else:
        container[name] = value
    return document


RAISED = _with("responseContext.functionError", "Unhandled")
THROUGH_AN_ALIAS = _with("responseContext.executedVersion", "1")
TOO_OLD_AT_ONCE = _with("requestContext.condition", "RecordAgeExceeded") | {
    "requestContext": {
        **RETURNED_FAILURE["requestContext"],
        "condition": "RecordAgeExceeded",
        "approximateInvokeCount": 1,
    }
}
del TOO_OLD_AT_ONCE["responseContext"]


@pytest.mark.parametrize("document", [RETURNED_FAILURE, RAISED, THROUGH_AN_ALIAS], ids=["returned", "raised", "alias"])
def test_a_batch_whose_retries_are_used_up_is_read(document: JsonObject) -> None:
    parsed = parse_failure_document(json.dumps(document), STREAMS)
    assert parsed.condition == "RetryAttemptsExhausted"
    assert parsed.attempts == 2
    assert parsed.function_arn == "arn:aws:lambda:eu-west-1:000000000000:function:LogUserChangesFunction-test"
    assert parsed.failed_at == "2019-11-14T00:13:49.717Z"
    assert parsed.pointer == POINTER


def test_a_batch_that_was_too_old_at_once_has_no_attempts() -> None:
    parsed = parse_failure_document(json.dumps(TOO_OLD_AT_ONCE), STREAMS)
    assert (parsed.condition, parsed.attempts) == ("RecordAgeExceeded", 0)


def test_a_batch_that_grew_too_old_between_retries_has_attempts() -> None:
    parsed = parse_failure_document(json.dumps(_with("requestContext.condition", "RecordAgeExceeded")), STREAMS)
    assert (parsed.condition, parsed.attempts) == ("RecordAgeExceeded", 2)


def test_an_unknown_condition_is_kept() -> None:
    parsed = parse_failure_document(json.dumps(_with("requestContext.condition", "SomethingNew")), STREAMS)
    assert parsed.condition == "SomethingNew"


@pytest.mark.parametrize(
    "stream",
    [
        "arn:aws:dynamodb:eu-west-1:999999999999:table/Users-test/stream/2019-11-14T00:04:06.388",
        "arn:aws:dynamodb:us-east-1:000000000000:table/Users-test/stream/2019-11-14T00:04:06.388",
        "arn:aws:dynamodb:eu-west-1:000000000000:table/Users-test2/stream/2019-11-14T00:04:06.388",
        "arn:aws:dynamodb:eu-west-1:000000000000:table/Users-test",
        "arn:aws:kinesis:eu-west-1:000000000000:stream/Users-test",
        "Users-test",
    ],
)
def test_a_stream_that_is_none_of_the_stack_s_is_refused(stream: str) -> None:
    with pytest.raises(MalformedDocumentError, match="streamArn is no stream of this stack's tables"):
        parse_failure_document(json.dumps(_with("DDBStreamBatchInfo.streamArn", stream)), STREAMS)


@pytest.mark.parametrize("table", ["Users-test", "Activity-test"])
def test_a_stream_that_was_made_again_is_the_same_table_s(table: str) -> None:
    stream = f"arn:aws:dynamodb:eu-west-1:000000000000:table/{table}/stream/2027-01-01T00:00:00.000"
    parsed = parse_failure_document(json.dumps(_with("DDBStreamBatchInfo.streamArn", stream)), STREAMS)
    assert parsed.pointer.stream_arn == stream


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("", "isn't JSON"),
        ("hello", "isn't JSON"),
        ("[" * 100_000, "isn't JSON"),
        ("[]", "requestContext is missing"),
        ("null", "requestContext is missing"),
        (json.dumps(_with("requestContext", 7)), "requestContext is missing"),
        (json.dumps(_with("requestContext.condition", ...)), "condition is missing"),
        (json.dumps(_with("requestContext.functionArn", "")), "functionArn is missing"),
        (json.dumps(_with("requestContext.approximateInvokeCount", "2")), "approximateInvokeCount must be"),
        (json.dumps(_with("timestamp", ...)), "timestamp is missing"),
        (json.dumps(_with("timestamp", "yesterday")), "timestamp is no ISO 8601 time"),
        (json.dumps(_with("DDBStreamBatchInfo", ...)), "DDBStreamBatchInfo is missing"),
        (json.dumps(_with("DDBStreamBatchInfo.shardId", ...)), "shardId is missing"),
        (json.dumps(_with("DDBStreamBatchInfo.streamArn", None)), "streamArn is missing"),
        (
            json.dumps(_with("DDBStreamBatchInfo.startSequenceNumber", "1e5")),
            "startSequenceNumber is no sequence number",
        ),
        (
            json.dumps(_with("DDBStreamBatchInfo.endSequenceNumber", "9" * 41)),
            "endSequenceNumber is no sequence number",
        ),
        (json.dumps(_with("DDBStreamBatchInfo.endSequenceNumber", "1" * 21)), "endSequenceNumber lies before"),
        (json.dumps(_with("DDBStreamBatchInfo.batchSize", 0)), "batchSize must be a whole number above 0"),
        (json.dumps(_with("DDBStreamBatchInfo.batchSize", "3")), "batchSize must be a whole number above 0"),
    ],
)
def test_a_message_that_points_to_no_records_is_refused(body: str, complaint: str) -> None:
    with pytest.raises(MalformedDocumentError, match=re.escape(complaint)):
        parse_failure_document(body, STREAMS)
