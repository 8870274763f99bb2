"""The state of event source mappings, the metrics of the last minutes, and the alarms."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from infra.naming import PROJECT, physical_name
from ops.errors import translate_aws_errors

if TYPE_CHECKING:
    from types_boto3_cloudwatch.client import CloudWatchClient
    from types_boto3_lambda.client import LambdaClient

WINDOW_MINUTES = 15  # how far back metrics are read: AWS publishes its own some minutes late


class MappingState(NamedTuple):
    """One event source mapping."""

    uuid: str
    state: str  # Enabled, Disabled, or a transition to one of them
    last_processing_result: str  # OK, No records processed, or PROBLEM with Lambda's message
    batch_size: int
    source: str  # ARN of the stream or queue


class Metric(NamedTuple):
    """One of AWS's own metrics of one resource."""

    namespace: str
    name: str
    dimension: str
    resource: str
    statistic: Literal["Maximum", "Sum"]


class AlarmState(NamedTuple):
    """One alarm."""

    name: str
    state: str  # OK, ALARM or INSUFFICIENT_DATA
    reason: str
    since: datetime


class Monitoring:
    """Lambda's and CloudWatch's APIs."""

    def __init__(self, functions: "LambdaClient", cloudwatch: "CloudWatchClient") -> None:
        self._functions = functions
        self._cloudwatch = cloudwatch

    def mappings(self, function_name: str) -> Sequence[MappingState]:
        """Return the mappings that invoke a function."""
        with translate_aws_errors("the event source mappings"):
            pages = self._functions.get_paginator("list_event_source_mappings").paginate(FunctionName=function_name)
            return [
                MappingState(
                    entry.get("UUID", ""),
                    entry.get("State", ""),
                    entry.get("LastProcessingResult", ""),
                    entry.get("BatchSize", 0),
                    entry.get("EventSourceArn", ""),
                )
                for page in pages
                for entry in page["EventSourceMappings"]
            ]

    def metrics(self, wanted: Sequence[Metric]) -> Mapping[Metric, float]:
        """Return each sum's total and each maximum's latest value, as far as there is data."""
        until = datetime.now(UTC)
        queries: Any = [
            {
                "Id": f"m{position}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": metric.namespace,
                        "MetricName": metric.name,
                        "Dimensions": [{"Name": metric.dimension, "Value": metric.resource}],
                    },
                    "Period": 60,
                    "Stat": metric.statistic,
                },
            }
            for position, metric in enumerate(wanted)
        ]
        values: dict[Metric, float] = {}
        with translate_aws_errors("CloudWatch's metrics"):
            pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=until - timedelta(minutes=WINDOW_MINUTES), EndTime=until
            )
            for result in (result for page in pages for result in page["MetricDataResults"]):
                metric = wanted[int(result.get("Id", "m0")[1:])]
                found = sorted(zip(result.get("Timestamps", []), result.get("Values", []), strict=True))
                if found and metric.statistic == "Sum":
                    values[metric] = values.get(metric, 0.0) + sum(value for _, value in found)
                elif found:
                    values[metric] = found[-1][1]
        return values

    def alarms(self, environment: str) -> Sequence[AlarmState]:
        """Return the alarms that notify the environment's topic."""
        topic = ":" + physical_name(f"{PROJECT}-alarms", environment)
        with translate_aws_errors("CloudWatch's alarms"):
            pages = self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
            return [
                AlarmState(
                    alarm.get("AlarmName", ""),
                    alarm.get("StateValue", ""),
                    alarm.get("StateReason", ""),
                    alarm.get("StateUpdatedTimestamp", datetime.now(UTC)),
                )
                for page in pages
                for alarm in page["MetricAlarms"]
                if any(action.endswith(topic) for action in alarm.get("AlarmActions", []))
            ]
