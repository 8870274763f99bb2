"""The settings of a mapping, with AWS's defaults for those that it lacks."""

from typing import Any

import pytest

from delivery.settings import MappingSettings, QueueMappingSettings, UnsupportedMappingError, read_settings

STREAM_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/Users-dev/stream/2026-11-24T00:00:00.000"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:q"
LEAST = {"UUID": "u", "EventSourceArn": STREAM_ARN, "FunctionArn": FUNCTION_ARN, "State": "Disabled"}
LEAST_OF_QUEUE = LEAST | {"EventSourceArn": QUEUE_ARN}


def test_defaults_are_those_of_aws() -> None:
    assert read_settings(LEAST) == MappingSettings(
        uuid="u",
        stream_arn=STREAM_ARN,
        function_arn=FUNCTION_ARN,
        batch_size=100,
        window_seconds=0,
        parallelization_factor=1,
        maximum_retry_attempts=-1,
        maximum_record_age_seconds=-1,
        bisect=False,
        report_batch_item_failures=False,
        starting_position="TRIM_HORIZON",
        destination_arn=None,
    )


def test_every_setting_is_read() -> None:
    mapping = LEAST | {
        "BatchSize": 7.0,
        "MaximumBatchingWindowInSeconds": 3,
        "ParallelizationFactor": 2,
        "MaximumRetryAttempts": 0,
        "MaximumRecordAgeInSeconds": 60,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "StartingPosition": "LATEST",
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:q"}},
    }
    assert read_settings(mapping) == MappingSettings(
        uuid="u",
        stream_arn=STREAM_ARN,
        function_arn=FUNCTION_ARN,
        batch_size=7,
        window_seconds=3,
        parallelization_factor=2,
        maximum_retry_attempts=0,
        maximum_record_age_seconds=60,
        bisect=True,
        report_batch_item_failures=True,
        starting_position="LATEST",
        destination_arn="arn:aws:sqs:us-east-1:000000000000:q",
    )


def test_an_empty_destination_is_none() -> None:
    for empty in ({"OnFailure": {"Destination": ""}}, {}):
        assert read_settings(LEAST | {"DestinationConfig": empty}) == read_settings(LEAST)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"}, "reads a Kinesis stream"),
        ({"EventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/c/1"}, "reads an MSK cluster"),
        ({"EventSourceArn": "arn:aws:mq:us-east-1:000000000000:broker:b:1"}, "reads an Amazon MQ broker"),
        ({"EventSourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/Users"}, "it reads arn:aws:dynamodb"),
        ({"EventSourceArn": None, "SelfManagedEventSource": {"Endpoints": {}}}, "no event source that has an ARN"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "of its FilterCriteria, a pattern is empty"),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, "ScalingConfig"),
        ({"TumblingWindowInSeconds": 30}, "TumblingWindowInSeconds"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "kafka://failures"}}}, "destination is kafka://failures"),
        ({"DestinationConfig": {"OnFailure": {"Destination": FUNCTION_ARN}}}, "destination is arn:aws:lambda"),
        ({"BatchSize": 0}, "BatchSize is 0, and must be a whole number from 1"),
        ({"ParallelizationFactor": 1.5}, "ParallelizationFactor is 1.5"),
        ({"MaximumRetryAttempts": -2}, "MaximumRetryAttempts is -2"),
    ],
)
def test_what_cannot_be_delivered_as_aws_would_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnsupportedMappingError, match=complaint) as refused:
        read_settings(LEAST | changes)
    assert "to f:live can't be delivered here" in str(refused.value)
    assert "Change it, or leave it out" in str(refused.value)


def test_defaults_of_a_queue_are_those_of_aws() -> None:
    assert read_settings(LEAST_OF_QUEUE) == QueueMappingSettings(
        uuid="u",
        queue_arn=QUEUE_ARN,
        function_arn=FUNCTION_ARN,
        batch_size=10,
        window_seconds=0,
        maximum_concurrency=None,
        report_batch_item_failures=False,
        filters=(),
    )


def test_every_setting_of_a_queue_is_read() -> None:
    mapping = LEAST_OF_QUEUE | {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 3,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
        "FilterCriteria": {"Filters": [{"Pattern": '{"body": ["a"]}'}, {"Pattern": '{"body": ["b"]}'}]},
    }
    assert read_settings(mapping) == QueueMappingSettings(
        uuid="u",
        queue_arn=QUEUE_ARN,
        function_arn=FUNCTION_ARN,
        batch_size=100,
        window_seconds=3,
        maximum_concurrency=2,
        report_batch_item_failures=True,
        filters=('{"body": ["a"]}', '{"body": ["b"]}'),
    )


@pytest.mark.parametrize("arn", [STREAM_ARN, QUEUE_ARN])
def test_values_that_change_nothing_are_accepted_for_either_source(arn: str) -> None:
    """The provider sends them to take a setting away."""
    without_effect: dict[str, Any] = {
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1,
        "ParallelizationFactor": 1,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {}},
        "FilterCriteria": {},
        "ScalingConfig": {},
    }
    least = LEAST | {"EventSourceArn": arn}
    assert read_settings(least | without_effect) == read_settings(least)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"MaximumRetryAttempts": 3}, "MaximumRetryAttempts, which the local poller doesn't implement for this source"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 2}}, "ProvisionedPollerConfig"),
        ({"ScalingConfig": {"MaximumConcurrency": 1}}, "MaximumConcurrency is 1, and must be a whole number from 2"),
        ({"BatchSize": 11}, "needs MaximumBatchingWindowInSeconds"),
        ({"EventSourceArn": QUEUE_ARN + ".fifo", "BatchSize": 11}, "BatchSize is 11, and 10 at most for FIFO"),
        ({"EventSourceArn": QUEUE_ARN + ".fifo", "MaximumBatchingWindowInSeconds": 1}, "a FIFO queue has no"),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"messageId": ["a"]}'}]}}, "body alone"),
    ],
)
def test_what_aws_or_the_poller_refuses_for_a_queue_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnsupportedMappingError, match=complaint):
        read_settings(LEAST_OF_QUEUE | changes)
