"""An event source mapping that the poller can't deliver is refused before anything is created."""

from typing import Any

import pytest

from local.aws_clients import Clients
from local.deploy.registry import handler_for
from local.deploy.values import ResourceError

MAPPING = handler_for("aws:lambda/eventSourceMapping:EventSourceMapping")
NOBODY = Clients("http://127.0.0.1:1", "us-east-1", "test", "test")
"""No service listens there: a call would be another error."""

STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/Users/stream/2026-11-24T00:00:00.000"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [
        (
            {"eventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"},
            "from arn:aws:kinesis.* a Kinesis stream",
        ),
        ({"eventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/c/1", "topics": ["t"]}, "an MSK cluster"),
        ({"selfManagedEventSource": {"endpoints": {}}, "topics": ["t"]}, "no event source that has an ARN"),
        ({"eventSourceArn": "arn:aws:mq:us-east-1:000000000000:broker:b:1", "queues": ["q"]}, "an Amazon MQ broker"),
        ({"eventSourceArn": STREAM, "tumblingWindowInSeconds": 30}, "TumblingWindowInSeconds"),
        ({"eventSourceArn": QUEUE, "batchSize": 100}, "MaximumBatchingWindowInSeconds"),
        ({"eventSourceArn": QUEUE, "provisionedPollerConfig": {"minimumPollers": 2}}, "ProvisionedPollerConfig"),
        ({"eventSourceArn": STREAM, "filterCriteria": {"filters": [{"pattern": '{"a": [{"cidr": "x"}]}'}]}}, "cidr"),
    ],
)
def test_a_mapping_that_cannot_be_delivered_is_refused_with_what_to_do(inputs: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ResourceError, match=complaint) as refused:
        MAPPING.create(NOBODY, {"functionName": "Consumer", **inputs})
    assert "eave it out by a setting of Pulumi.local.yaml" in str(refused.value)
