"""The on-failure message, key for key as recorded on AWS."""

import json
from typing import Any

from delivery.decisions import DiscardedBatch
from delivery.failure_documents import document_text, failure_document, with_payload
from delivery.records import Invocation
from delivery.settings import MappingSettings
from functions.rescue_failed_batches.failure_document import parse_failure_document
from tests.support.delivery.stream_record_examples import WRITTEN_AT, example_record, sequence_number

SETTINGS = MappingSettings(
    uuid="u",
    stream_arn="arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2019-11-14T00:04:06.388",
    function_arn="arn:aws:lambda:us-east-1:123456789012:function:f:live",
)
STREAMS = (SETTINGS.stream_arn,)
REQUEST_ID = "316aa6d0-8154-xmpl-9af7-85d5f4a6bc81"


def discard(**changes: Any) -> DiscardedBatch:
    facts: dict[str, Any] = {
        "records": (example_record(1), example_record(2, written_at=WRITTEN_AT + 1)),
        "condition": "RetryAttemptsExhausted",
        "invocations": 2,
        "last_invocation": Invocation(request_id=REQUEST_ID, executed_version="1", function_error="Unhandled"),
        "at": WRITTEN_AT + 30.717,
    }
    return DiscardedBatch(**(facts | changes))


def test_the_document_of_a_batch_whose_retries_are_used_up() -> None:
    assert failure_document(discard(), "shardId-1", SETTINGS, "unused") == {
        "requestContext": {
            "requestId": REQUEST_ID,
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:f:live",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "1", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2019-11-14T00:03:49.717Z",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-1",
            "startSequenceNumber": sequence_number(1),
            "endSequenceNumber": sequence_number(2),
            "approximateArrivalOfFirstRecord": "2019-11-14T00:03:19Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:03:20Z",
            "batchSize": 2,
            "streamArn": "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2019-11-14T00:04:06.388",
        },
    }


def test_the_keys_of_a_document_have_the_recorded_order() -> None:
    document = failure_document(discard(), "shardId-1", SETTINGS, "unused")
    assert list(document) == ["requestContext", "responseContext", "version", "timestamp", "DDBStreamBatchInfo"]


def test_a_failure_that_the_function_returned_has_no_function_error() -> None:
    returned = discard(last_invocation=Invocation(request_id=REQUEST_ID))
    document = failure_document(returned, "shardId-1", SETTINGS, "unused")
    assert document["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None}


def test_a_batch_that_expired_without_an_invocation_has_no_response_context() -> None:
    expired = discard(condition="RecordAgeExceeded", invocations=0, last_invocation=None)
    document = failure_document(expired, "shardId-1", SETTINGS, "made-up")
    assert "responseContext" not in document
    assert document["requestContext"] == {
        "requestId": "made-up",
        "functionArn": SETTINGS.function_arn,
        "condition": "RecordAgeExceeded",
        "approximateInvokeCount": 1,
    }


def test_a_batch_that_expired_while_it_was_retried_has_the_number_of_invocations_and_no_response_context() -> None:
    expired = failure_document(discard(condition="RecordAgeExceeded", invocations=8), "shardId-1", SETTINGS, "unused")
    assert "responseContext" not in expired
    assert expired["requestContext"]["approximateInvokeCount"] == 8
    assert parse_failure_document(document_text(expired), STREAMS).attempts == 8


def test_a_bucket_also_gets_the_event_as_a_string() -> None:
    records = (example_record(1)._replace(body=b'{"eventID":"1"}'), example_record(2)._replace(body=b'{"eventID":"2"}'))
    document = with_payload(
        failure_document(discard(records=records), "s", SETTINGS, "unused"), discard(records=records)
    )
    assert json.loads(document["payload"]) == {"Records": [{"eventID": "1"}, {"eventID": "2"}]}


def test_the_rescue_parses_the_documents() -> None:
    exhausted, expired = (
        parse_failure_document(document_text(failure_document(each, "shardId-1", SETTINGS, "unused")), STREAMS)
        for each in (discard(), discard(condition="RecordAgeExceeded", invocations=0, last_invocation=None))
    )
    assert (exhausted.condition, exhausted.attempts) == ("RetryAttemptsExhausted", 2)
    assert (expired.condition, expired.attempts) == ("RecordAgeExceeded", 0)
    assert exhausted.pointer == expired.pointer
    assert exhausted.pointer.batch_size == 2
