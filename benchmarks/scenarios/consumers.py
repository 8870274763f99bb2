"""Processor time and AWS calls per change of the consumers after log_user_changes, AWS stubbed.

publish_user_events stands for every consumer with a queue: it has the runtime that all of them
have, and one call for a batch.
"""

from statistics import median
from typing import Any

from benchmarks.contestant import SERVICES_VARIABLE
from benchmarks.contestants import OtherWorkError, started
from benchmarks.events import activity_event, queue_event
from benchmarks.report import Measurement, keep_service_times

ROUNDS = 9
CHANGES_PER_ROUND = 2_000
LARGE_STREAM_BATCH, LARGE_QUEUE_BATCH = 1_000, 10

FAN_OUT = "functions.fan_out_user_changes.handler.handler"
PUBLISH_EVENTS = "functions.publish_user_events.handler.handler"


def measure_consumers() -> list[Measurement]:
    """Measure both with one change and with a full batch, and keep the times for the model."""
    topic = {SERVICES_VARIABLE: "sns", "USER_CHANGES_TOPIC_ARN": "arn:aws:sns:eu-west-1:000000000000:x.fifo"}
    bus = {
        SERVICES_VARIABLE: "dynamodb,events",
        "MAXIMUM_RECEIVES": "5",
        "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/x.fifo",
        "USER_EVENTS_SOURCE": "userstream.benchmark",
        "USER_EVENTS_BUS": "UserEvents-benchmark",
        "USER_EVENTS_PERSONAL_DATA": "true",
    }
    first, each, calls = _times(FAN_OUT, topic, activity_event(1), activity_event(LARGE_STREAM_BATCH))
    keep_service_times(publish_batch_compute_ms=1000 * max(first - each, 0.0), publish_change_compute_ms=1000 * each)
    rows = [Measurement("AWS calls per change, fan_out_user_changes", "1 per change", "at most", 0.1, [calls], "calls")]
    first, each, calls = _times(PUBLISH_EVENTS, bus, queue_event(1), queue_event(LARGE_QUEUE_BATCH))
    keep_service_times(consumer_batch_compute_ms=1000 * max(first - each, 0.0), consumer_change_compute_ms=1000 * each)
    return [
        *rows,
        Measurement("AWS calls per change, publish_user_events", "1 per change", "at most", 0.2, [calls], "calls"),
    ]


def _times(handler: str, variables: dict[str, str], one: Any, many: Any) -> tuple[float, float, float]:
    """Return the seconds of a batch of one, those per change of a large one, and its calls."""
    changes = len(many["Records"])
    with started(handler, **variables) as process:
        alone: list[float] = []
        together: list[float] = []
        for _ in range(ROUNDS):
            _require_success(process.effects([one])[0]["answer"])
            alone.append(process.seconds_per_call(CHANGES_PER_ROUND // 10))
            _require_success(process.effects([many])[0]["answer"])
            together.append(process.seconds_per_call(max(1, CHANGES_PER_ROUND // changes)) / changes)
        requests = process.effects([many])[0]["requests"]
    return median(alone), median(together), len(requests) / changes


def _require_success(answer: dict[str, Any]) -> None:
    if answer != {"batchItemFailures": []}:
        raise OtherWorkError(f"a batch was answered with {str(answer)[:200]}")
