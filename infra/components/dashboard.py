"""The JSON of the dashboard: the state of the alarms above, the metrics behind them below.

Source: CloudWatch API reference, "Dashboard body structure and syntax".
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pulumi

from infra.components.alarms import PERIOD_SECONDS, Metric, api_metric, queue_metric
from infra.components.change_stream import ChangeStream
from infra.components.lambda_function import LambdaFunction
from infra.components.user_api import UserApi
from infra.components.users_store import UsersStore

COLUMNS = 24
"""Width of a dashboard."""


def dashboard_url(region: str, name: str) -> str:
    """Return the address of a dashboard in the AWS console."""
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards/dashboard/{quote(name)}"


def dashboard_body(
    region: str, store: UsersStore, api: UserApi, changes: ChangeStream, alarm_arns: Sequence[pulumi.Input[str]]
) -> pulumi.Output[str]:
    """Return the dashboard's JSON."""
    functions = [api.register_user, api.manage_users, changes.log_user_changes, changes.rescue_failed_batches]
    failed_records = changes.failed_records
    queues = {
        "failure": failed_records.failure_queue,
        "failure redrive": failed_records.failure_redrive_queue,
        "dead letter": failed_records.dead_letter_queue,
    }

    def graph(title: str, statistic: str, metrics: Sequence[Sequence[Any]]) -> dict[str, Any]:
        properties = {"title": title, "region": region, "view": "timeSeries", "period": PERIOD_SECONDS}
        return {
            "type": "metric",
            "width": COLUMNS // 3,
            "height": 6,
            "properties": {**properties, "stat": statistic, "metrics": [list(metric) for metric in metrics]},
        }

    def of(functions: Sequence[LambdaFunction], name: str) -> list[Metric]:
        return [Metric("AWS/Lambda", name, "FunctionName", function.function_name) for function in functions]

    alarms = {
        "type": "alarm",
        "width": COLUMNS,
        "height": 3,
        "properties": {"title": "Alarms", "alarms": list(alarm_arns)},
    }
    widgets = [
        alarms,
        graph(
            "API: requests a minute",
            "Sum",
            [api_metric("Count", api), api_metric("4xx", api), [*api_metric("5xx", api), {"color": "#d62728"}]],
        ),
        graph(
            "API: latency in ms",
            "p99",
            [[*api_metric("Latency", api), {"stat": statistic}] for statistic in ("p50", "p99")],
        ),
        graph(
            "Tables: throttled requests",
            "Sum",
            [
                Metric("AWS/DynamoDB", name, "TableName", table.name)
                for table in (store.users, store.user_keys, store.activity)
                for name in ("WriteThrottleEvents", "ReadThrottleEvents")
            ],
        ),
        graph("Functions: errors", "Sum", of(functions, "Errors")),
        graph("Functions: throttles", "Sum", of(functions, "Throttles")),
        graph("Functions: longest invocation in ms", "Maximum", of(functions, "Duration")),
        graph("Stream: age of the last record in ms", "Maximum", of([changes.log_user_changes], "IteratorAge")),
        graph("Stream: invocations", "Sum", of([changes.log_user_changes], "Invocations")),
        graph(
            "Failed: messages waiting",
            "Maximum",
            [
                [*queue_metric("ApproximateNumberOfMessagesVisible", queue), {"label": label}]
                for label, queue in queues.items()
            ],
        ),
    ]
    return pulumi.Output.json_dumps({"widgets": widgets})
