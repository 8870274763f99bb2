"""The settings of a mapping, with AWS's defaults for those that it lacks."""

from typing import Any

import pytest

from delivery.settings import MappingSettings, UnsupportedMappingError, read_settings

STREAM_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/Users-dev/stream/2026-11-24T00:00:00.000"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
LEAST = {"UUID": "u", "EventSourceArn": STREAM_ARN, "FunctionArn": FUNCTION_ARN, "State": "Disabled"}


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
    assert read_settings(LEAST | {"DestinationConfig": {"OnFailure": {"Destination": ""}}}).destination_arn is None
    assert read_settings(LEAST | {"DestinationConfig": {}}).destination_arn is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q"}, "not a DynamoDB stream"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "FilterCriteria"),
        ({"TumblingWindowInSeconds": 30}, "TumblingWindowInSeconds"),
        ({"BatchSize": 0}, "BatchSize is 0, and must be a whole number from 1"),
        ({"ParallelizationFactor": 1.5}, "ParallelizationFactor is 1.5"),
        ({"MaximumRetryAttempts": -2}, "MaximumRetryAttempts is -2"),
    ],
)
def test_what_cannot_be_delivered_as_aws_would_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnsupportedMappingError, match=complaint):
        read_settings(LEAST | changes)
