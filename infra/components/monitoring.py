"""The alarms of alarms.py, the topic they notify, and the dashboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.components.alarms import (
    PERIOD_SECONDS,
    Alarm,
    Metric,
    MetricMath,
    StackMetric,
    confirmation_alarms,
    consumer_alarms,
    function_alarms,
    queue_alarms,
    queue_metric,
)
from infra.components.api_alarms import api_alarms, api_metric, throttled_metric
from infra.components.change_stream import ChangeStream
from infra.components.email_confirmation import RegistrationMails
from infra.components.lambda_function import LambdaFunction
from infra.components.objective_alarms import objective_alarms
from infra.components.policy import policy_document, tls_only
from infra.components.statement import allow
from infra.components.stream_consumer import StreamConsumer
from infra.components.user_api import UserApi
from infra.components.users_store import UsersStore
from infra.environment import Environment
from infra.partitions import console_host

COLUMNS = 24
"""Width of a dashboard."""

OWN_FIGURES = (
    ("Registrations, and values that were taken", "Sum", ("Registrations", "EmailConflicts", "UsernameConflicts")),
    ("Changes: from write to log, longest in s", "Maximum", ("ChangeLag",)),
    (
        "Dead-lettered: records by reason",
        "Sum",
        ("PermanentFailures", "ExhaustedFailures", "ExpiredFailures", "LostFailures"),
    ),
)
"""What the functions count (functions/runtime/metrics.py): title, statistic, metrics."""


def dashboard_url(region: str, name: str) -> str:
    """Return the address of a dashboard in the AWS console."""
    return f"https://{console_host(region)}/cloudwatch/home?region={region}#dashboards/dashboard/{quote(name)}"


def dashboard_body(
    region: str, store: UsersStore, api: UserApi, changes: ChangeStream, alarm_arns: Sequence[pulumi.Input[str]]
) -> pulumi.Output[str]:
    """Return the dashboard's JSON: the state of the alarms above, the metrics behind them below.

    Source: CloudWatch API reference, "Dashboard body structure and syntax".
    """
    consumers = [consumer.function for consumer in changes.consumers]
    functions = [api.register_user, api.manage_users, *consumers, changes.rescue_failed_batches]
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
            [
                api_metric("Count", api),
                api_metric("4xx", api),
                [*throttled_metric(api), {"label": "429"}],
                [*api_metric("5xx", api), {"color": "#d62728"}],
            ],
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
        graph("Consumers: invocations", "Sum", of(consumers, "Invocations")),
        graph(
            "Failed: messages waiting",
            "Maximum",
            [
                [*queue_metric("ApproximateNumberOfMessagesVisible", queue), {"label": label}]
                for label, queue in queues.items()
            ],
        ),
    ]
    for title, statistic, names in OWN_FIGURES:
        widgets.append(graph(title, statistic, [StackMetric(api.metric_namespace, name) for name in names]))
    for consumer in changes.consumers:
        name, function = consumer.declaration.logical_name, [consumer.function]
        calls = [metric for each in ("Invocations", "Errors", "Throttles") for metric in of(function, each)]
        if isinstance(consumer, StreamConsumer):
            delay = graph(f"{name}: age of the last record in ms", "Maximum", of(function, "IteratorAge"))
            third = graph(f"{name}: longest invocation in ms", "Maximum", of(function, "Duration"))
        else:
            age = "ApproximateAgeOfOldestMessage"
            depth = "ApproximateNumberOfMessagesVisible"
            own = {"changes": consumer.queue, "failed": consumer.failure_queue}
            delay = graph(f"{name}: age of the oldest change in s", "Maximum", [queue_metric(age, consumer.queue)])
            third = graph(
                f"{name}: messages waiting",
                "Maximum",
                [[*queue_metric(depth, queue), {"label": label}] for label, queue in own.items()],
            )
        widgets += [delay, graph(f"{name}: invocations and failures", "Sum", calls), third]
    return pulumi.Output.json_dumps({"widgets": widgets})


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What is watched.

    Attributes:
        environment: its settings have the thresholds and the address that alarms are sent to.
        store: the tables.
        api: the API and its functions.
        changes: the stream, its functions and its queues.
        mails: the mails about registrations; None with explicit answers.
    """

    environment: Environment
    store: UsersStore
    api: UserApi
    changes: ChangeStream
    mails: RegistrationMails | None


class Monitoring(pulumi.ComponentResource):
    """The alarms of an environment, the topic they notify, and its dashboard.

    Attributes:
        dashboard_url: address of the dashboard in the console.
    """

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:Monitoring", name, None, opts)
        self._environment = args.environment
        self._topic = self._create_topic()
        settings, api, changes = args.environment.settings, args.api, args.changes
        alarms = [
            *queue_alarms(changes),
            *function_alarms(api.register_user),
            *function_alarms(api.manage_users),
            *(confirmation_alarms(api, args.mails) if args.mails else []),
            *function_alarms(changes.rescue_failed_batches),
            *consumer_alarms(changes, settings),
            *api_alarms(api, settings),
            *objective_alarms(api),
        ]
        alarm_arns = [self._create_alarm(alarm).arn for alarm in alarms]
        dashboard = aws.cloudwatch.Dashboard(
            "dashboard",
            dashboard_name=args.environment.global_name(naming.PROJECT),
            dashboard_body=dashboard_body(settings.region, args.store, api, changes, alarm_arns),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["dashboardName"]),
        )
        self.dashboard_url = dashboard.dashboard_name.apply(lambda name: dashboard_url(settings.region, name))
        self.register_outputs({"topicArn": self._topic.arn, "dashboardUrl": self.dashboard_url})

    def _create_topic(self) -> aws.sns.Topic:
        environment = self._environment
        topic = aws.sns.Topic(
            "alarms",
            name=environment.physical_name(f"{naming.PROJECT}-alarms"),
            # Not encrypted with a key: CloudWatch can't use AWS's own key for SNS, and an alarm
            # has no personal data.
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # The topic's own partition: `aws`, or GovCloud's or China's.
        alarms_of_this_environment = pulumi.Output.format(
            "arn:{0}:cloudwatch:{1}:{2}:alarm:*-{3}",
            topic.arn.apply(lambda arn: arn.split(":")[1]),
            environment.settings.region,
            environment.account_id,
            environment.name,
        )
        publish = allow(
            "AlarmsPublish",
            ["sns:Publish"],
            [topic.arn],
            service="cloudwatch.amazonaws.com",
            condition={
                "ArnLike": {"aws:SourceArn": alarms_of_this_environment},
                "StringEquals": {"aws:SourceAccount": environment.account_id},
            },
        )
        aws.sns.TopicPolicy(
            "alarms",
            arn=topic.arn,
            policy=policy_document([publish, *tls_only(environment, ["sns:Publish"], [topic.arn])]),
            opts=pulumi.ResourceOptions(parent=self),
        )
        if environment.settings.alarm_email is not None:
            aws.sns.TopicSubscription(
                "alarm-email",
                topic=topic.arn,
                protocol="email",
                # A person's address: hide it from readers of the state and of an update's output.
                endpoint=pulumi.Output.secret(environment.settings.alarm_email),
                opts=pulumi.ResourceOptions(parent=self),
            )
        return topic

    def _create_alarm(self, alarm: Alarm) -> aws.cloudwatch.MetricAlarm:
        return aws.cloudwatch.MetricAlarm(
            alarm.name,
            name=self._environment.physical_name(alarm.name),
            alarm_description=f"{alarm.meaning} What to do: docs/{alarm.page}#{alarm.name.lower()}",
            **_measured(alarm),
            comparison_operator=alarm.comparison,
            threshold=alarm.threshold,
            evaluation_periods=alarm.evaluation_periods,
            datapoints_to_alarm=alarm.bad_periods,
            treat_missing_data=alarm.missing,
            alarm_actions=[self._topic.arn],
            ok_actions=[self._topic.arn],
            tags=self._environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _measured(alarm: Alarm) -> dict[str, Any]:
    """Return the arguments of an alarm that say which value of each minute it compares."""
    metric = alarm.metric
    if isinstance(metric, MetricMath):
        return {"metric_queries": _queries(metric, alarm.period_seconds)}
    percentile = alarm.statistic.startswith("p")
    return {
        "namespace": metric.namespace,
        "metric_name": metric.name,
        "dimensions": metric.dimensions,
        "statistic": None if percentile else alarm.statistic,
        "extended_statistic": alarm.statistic if percentile else None,
        # With `ignore`, p99 would need 1,000 values a minute. Source: CloudWatch user guide,
        # "Percentile-based CloudWatch alarms and low data samples".
        "evaluate_low_sample_count_percentiles": "evaluate" if percentile else None,
        "period": alarm.period_seconds,
    }


def _queries(math: MetricMath, period_seconds: int) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
    result = aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id="result", expression=math.expression, label=math.label, return_data=True
    )
    return [
        result,
        *(
            aws.cloudwatch.MetricAlarmMetricQueryArgs(
                id=name,
                metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                    namespace=metric.namespace,
                    metric_name=metric.name,
                    dimensions=metric.dimensions,
                    period=period_seconds,
                    stat="Sum",
                ),
            )
            for name, metric in math.metrics.items()
        ),
    ]
