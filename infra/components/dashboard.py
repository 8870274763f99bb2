"""The dashboard of an environment: the state of its alarms above, what they are made from below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pulumi

from infra.components.alarms import MINUTE
from infra.components.lambda_function import LambdaFunction

WIDTH = 24
"""Columns of a dashboard. Source: CloudWatch user guide, "Dashboard body structure and syntax"."""

HEIGHT = 6


@dataclass(frozen=True, kw_only=True)
class DashboardContent:
    """What the dashboard shows.

    Attributes:
        region: of every metric.
        api_id: the API.
        functions: the functions.
        stream_function: the one at the end of the stream.
        queues: label to name, in the order a failed record takes.
        tables: names of the tables.
        alarm_arns: every alarm.
    """

    region: str
    api_id: pulumi.Input[str]
    functions: Sequence[LambdaFunction]
    stream_function: LambdaFunction
    queues: Mapping[str, pulumi.Input[str]]
    tables: Sequence[pulumi.Input[str]]
    alarm_arns: Sequence[pulumi.Input[str]]


def dashboard_url(region: str, name: str) -> str:
    """Address of a dashboard in the AWS console."""
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards/dashboard/{quote(name)}"


def dashboard_body(content: DashboardContent) -> pulumi.Output[str]:
    """The dashboard's JSON.

    Source: CloudWatch API reference, "Dashboard body structure and syntax".
    """
    alarms = {
        "type": "alarm",
        "width": WIDTH,
        "height": 3,
        "properties": {"title": "Alarms", "alarms": list(content.alarm_arns)},
    }
    rows = [_api_widgets(content), _function_widgets(content), _failure_widgets(content)]
    return pulumi.Output.json_dumps({"widgets": [alarms, *(widget for row in rows for widget in row)]})


def _api_widgets(content: DashboardContent) -> list[dict[str, Any]]:
    api = ["ApiId", content.api_id]
    requests = [
        ["AWS/ApiGateway", "Count", *api],
        ["AWS/ApiGateway", "4xx", *api],
        ["AWS/ApiGateway", "5xx", *api, {"color": "#d62728"}],
    ]
    latency = [["AWS/ApiGateway", "Latency", *api, {"stat": stat}] for stat in ("p50", "p99")]
    throttled = [
        ["AWS/DynamoDB", metric, "TableName", table]
        for table in content.tables
        for metric in ("WriteThrottleEvents", "ReadThrottleEvents")
    ]
    return [
        _graph(content, "API: requests a minute", requests, "Sum"),
        _graph(content, "API: latency in ms", latency, "p99"),
        _graph(content, "Tables: throttled requests", throttled, "Sum"),
    ]


def _function_widgets(content: DashboardContent) -> list[dict[str, Any]]:
    def of_each(metric: str) -> list[list[Any]]:
        return [["AWS/Lambda", metric, "FunctionName", function.function_name] for function in content.functions]

    return [
        _graph(content, "Functions: errors", of_each("Errors"), "Sum"),
        _graph(content, "Functions: throttles", of_each("Throttles"), "Sum"),
        _graph(content, "Functions: longest invocation in ms", of_each("Duration"), "Maximum"),
    ]


def _failure_widgets(content: DashboardContent) -> list[dict[str, Any]]:
    stream = ["FunctionName", content.stream_function.function_name]
    depths = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name, {"label": label}]
        for label, name in content.queues.items()
    ]
    return [
        _graph(content, "Stream: age of the last record in ms", [["AWS/Lambda", "IteratorAge", *stream]], "Maximum"),
        _graph(content, "Stream: invocations", [["AWS/Lambda", "Invocations", *stream]], "Sum"),
        _graph(content, "Failed: messages waiting", depths, "Maximum"),
    ]


def _graph(content: DashboardContent, title: str, metrics: list[list[Any]], statistic: str) -> dict[str, Any]:
    return {
        "type": "metric",
        "width": WIDTH // 3,
        "height": HEIGHT,
        "properties": {
            "title": title,
            "region": content.region,
            "view": "timeSeries",
            "period": MINUTE,
            "stat": statistic,
            "metrics": metrics,
        },
    }
