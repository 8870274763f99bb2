"""Alarms, where they go, and the dashboard."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.components.alarms import (
    MINUTE,
    QUIET_MINUTES,
    Alarm,
    api_alarms,
    function_alarms,
    queue_alarms,
    stream_alarms,
)
from infra.components.change_stream import ChangeStream
from infra.components.dashboard import DashboardContent, dashboard_body, dashboard_url
from infra.components.lambda_function import LambdaFunction
from infra.components.policy import Statement, deny_unencrypted_transport, policy_document
from infra.components.user_api import UserApi
from infra.components.users_store import UsersStore
from infra.environment import Environment


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What is watched, and how closely.

    Attributes:
        environment: whose monitoring it is.
        store: the tables.
        api: the API and its functions.
        changes: the stream, its functions and its queues.
        alarm_email: who is told, or None.
        iterator_age_seconds: age of delivered changes that is an alarm.
        api_latency_milliseconds: latency that is an alarm.
    """

    environment: Environment
    store: UsersStore
    api: UserApi
    changes: ChangeStream
    alarm_email: str | None
    iterator_age_seconds: int
    api_latency_milliseconds: int


class Monitoring(pulumi.ComponentResource):
    """The alarms of an environment, the topic they are sent to, and its dashboard.

    Attributes:
        dashboard_url: address of the dashboard in the console.
    """

    topic: aws.sns.Topic
    alarms: list[aws.cloudwatch.MetricAlarm]
    dashboard: aws.cloudwatch.Dashboard
    dashboard_url: pulumi.Output[str]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:Monitoring", name, None, opts)
        self._args = args

        self._create_topic()
        self._subscribe()
        self._create_alarms()
        self._create_dashboard()
        self.register_outputs({"topicArn": self.topic.arn, "dashboardUrl": self.dashboard_url})

    def _create_topic(self) -> None:
        environment = self._args.environment
        self.topic = aws.sns.Topic(
            "alarms",
            name=environment.physical_name(f"{naming.PROJECT}-alarms"),
            # Not encrypted with a key: CloudWatch can't use AWS's own key for SNS, and an alarm holds no personal data.
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # `aws`, or another where the region is GovCloud's or China's.
        partition = self.topic.arn.apply(lambda arn: arn.split(":")[1])
        alarms_of_this_environment = pulumi.Output.concat(
            "arn:",
            partition,
            f":cloudwatch:{environment.region}:",
            environment.account_id,
            f":alarm:*-{environment.name}",
        )
        publish = Statement(
            sid="AlarmsPublish",
            principal={"Service": "cloudwatch.amazonaws.com"},
            actions=["sns:Publish"],
            resources=[self.topic.arn],
            condition={
                "ArnLike": {"aws:SourceArn": alarms_of_this_environment},
                "StringEquals": {"aws:SourceAccount": environment.account_id},
            },
        )
        only_tls = [deny_unencrypted_transport(["sns:Publish"], [self.topic.arn])] if environment.require_tls else []
        aws.sns.TopicPolicy(
            "alarms",
            arn=self.topic.arn,
            policy=policy_document([publish, *only_tls]),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _subscribe(self) -> None:
        if self._args.alarm_email is None:
            return
        aws.sns.TopicSubscription(
            "alarm-email",
            topic=self.topic.arn,
            protocol="email",
            # Somebody's address: not for everyone who may read the state or the output of an update.
            endpoint=pulumi.Output.secret(self._args.alarm_email),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_alarms(self) -> None:
        args = self._args
        alarms = [
            *queue_alarms(args.changes.failed_records, args.changes.rescue_failed_batches),
            *stream_alarms(args.changes.stream_mapping, args.changes.log_user_changes, args.iterator_age_seconds),
            *(alarm for function in self._functions() for alarm in function_alarms(function)),
            *api_alarms(args.api.api, args.api_latency_milliseconds),
        ]
        self.alarms = [self._create_alarm(alarm) for alarm in alarms]

    def _functions(self) -> list[LambdaFunction]:
        api, changes = self._args.api, self._args.changes
        return [api.register_user, api.manage_users, changes.log_user_changes, changes.rescue_failed_batches]

    def _create_alarm(self, alarm: Alarm) -> aws.cloudwatch.MetricAlarm:
        percentile = alarm.statistic.startswith("p")
        return aws.cloudwatch.MetricAlarm(
            alarm.name,
            name=self._args.environment.physical_name(alarm.name),
            alarm_description=f"{alarm.meaning} What to do: {alarm.runbook}",
            namespace=alarm.namespace,
            metric_name=alarm.metric,
            dimensions=alarm.dimensions,
            statistic=None if percentile else alarm.statistic,
            extended_statistic=alarm.statistic if percentile else None,
            evaluate_low_sample_count_percentiles="ignore" if percentile else None,
            comparison_operator=alarm.is_bad,
            threshold=alarm.limit,
            period=MINUTE,
            evaluation_periods=QUIET_MINUTES,
            datapoints_to_alarm=alarm.bad_minutes,
            treat_missing_data=alarm.missing,
            alarm_actions=[self.topic.arn],
            ok_actions=[self.topic.arn],
            tags=self._args.environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_dashboard(self) -> None:
        args = self._args
        failed_records = args.changes.failed_records
        name = args.environment.physical_name(naming.PROJECT)
        content = DashboardContent(
            region=args.environment.region,
            api_id=args.api.api.id,
            functions=self._functions(),
            stream_function=args.changes.log_user_changes,
            queues={
                "failure": failed_records.failure_queue.name,
                "failure redrive": failed_records.failure_redrive_queue.name,
                "dead letter": failed_records.dead_letter_queue.name,
            },
            tables=[args.store.users.name, args.store.user_keys.name, args.store.activity.name],
            alarm_arns=[alarm.arn for alarm in self.alarms],
        )
        self.dashboard = aws.cloudwatch.Dashboard(
            "dashboard",
            dashboard_name=name,
            dashboard_body=dashboard_body(content),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dashboard_url = self.dashboard.dashboard_name.apply(
            lambda dashboard: dashboard_url(args.environment.region, dashboard)
        )
