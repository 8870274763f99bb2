"""The alarms of alarms.py, the topic they notify, and the dashboard."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.components.alarms import (
    EVALUATION_MINUTES,
    PERIOD_SECONDS,
    Alarm,
    api_alarms,
    function_alarms,
    queue_alarms,
    stream_alarms,
)
from infra.components.change_stream import ChangeStream
from infra.components.dashboard import dashboard_body, dashboard_url
from infra.components.policy import allow, policy_document, tls_only
from infra.components.user_api import UserApi
from infra.components.users_store import UsersStore
from infra.environment import Environment


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What is watched.

    Attributes:
        environment: its settings have the thresholds and the address that alarms are sent to.
        store: the tables.
        api: the API and its functions.
        changes: the stream, its functions and its queues.
    """

    environment: Environment
    store: UsersStore
    api: UserApi
    changes: ChangeStream


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
            *stream_alarms(changes, settings),
            *function_alarms(api.register_user),
            *function_alarms(api.manage_users),
            *function_alarms(changes.log_user_changes),
            *function_alarms(changes.rescue_failed_batches),
            *api_alarms(api, settings),
        ]
        alarm_arns = [self._create_alarm(alarm).arn for alarm in alarms]
        dashboard = aws.cloudwatch.Dashboard(
            "dashboard",
            dashboard_name=args.environment.physical_name(naming.PROJECT),
            dashboard_body=dashboard_body(settings.region, args.store, api, changes, alarm_arns),
            opts=pulumi.ResourceOptions(parent=self),
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
        percentile = alarm.statistic.startswith("p")
        return aws.cloudwatch.MetricAlarm(
            alarm.name,
            name=self._environment.physical_name(alarm.name),
            alarm_description=f"{alarm.meaning} What to do: docs/runbook.md#{alarm.name.lower()}",
            namespace=alarm.metric.namespace,
            metric_name=alarm.metric.name,
            dimensions={alarm.metric.dimension: alarm.metric.resource},
            statistic=None if percentile else alarm.statistic,
            extended_statistic=alarm.statistic if percentile else None,
            evaluate_low_sample_count_percentiles="ignore" if percentile else None,
            comparison_operator=alarm.comparison,
            threshold=alarm.threshold,
            period=PERIOD_SECONDS,
            evaluation_periods=EVALUATION_MINUTES,
            datapoints_to_alarm=alarm.bad_minutes,
            treat_missing_data=alarm.missing,
            alarm_actions=[self._topic.arn],
            ok_actions=[self._topic.arn],
            tags=self._environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
