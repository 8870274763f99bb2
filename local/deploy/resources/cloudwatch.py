"""CloudWatch: log groups, alarms, dashboards."""

from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed, missing
from local.deploy.resources.values import lower_keys, present, same_document, tag_changes, tag_list, tag_map, upper_keys


class LogGroup(ResourceHandler):
    """A log group with its retention."""

    pulumi_type: ClassVar[str] = "aws:cloudwatch/logGroup:LogGroup"
    supported: ClassVar[frozenset[str]] = frozenset({"kmsKeyId", "name", "retentionInDays", "tags"})
    required: ClassVar[frozenset[str]] = frozenset({"name"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"kmsKeyId", "name"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.logs.create_log_group(
            logGroupName=inputs["name"], tags=inputs.get("tags", {}), **present(kmsKeyId=inputs.get("kmsKeyId"))
        )
        self._set_retention(clients, inputs)
        return inputs["name"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        groups = clients.logs.describe_log_groups(logGroupNamePrefix=resource_id).get("logGroups", [])
        group = next((group for group in groups if group.get("logGroupName") == resource_id), None)
        if group is None:
            raise missing("DescribeLogGroups", resource_id)
        # The provider's ARN has no `:*` at its end; a policy adds it where it means the streams.
        arn = group.get("arn", "").removesuffix(":*")
        return {
            "name": resource_id,
            "arn": arn,
            "retentionInDays": group.get("retentionInDays", 0),
            "tags": clients.logs.list_tags_for_resource(resourceArn=arn).get("tags", {}),
            **present(kmsKeyId=group.get("kmsKeyId")),
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "retentionInDays"):
            self._set_retention(clients, new)
        removed, added = tag_changes(old, new)
        if removed:
            clients.logs.untag_resource(resourceArn=old["arn"], tagKeys=removed)
        if added:
            clients.logs.tag_resource(resourceArn=old["arn"], tags=added)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.logs.delete_log_group(logGroupName=resource_id)

    def _set_retention(self, clients: Clients, inputs: Properties) -> None:
        # 0 is the provider's word for "for ever", which CloudWatch says by having no policy.
        if days := inputs.get("retentionInDays", 0):
            clients.logs.put_retention_policy(logGroupName=inputs["name"], retentionInDays=days)
        else:
            clients.logs.delete_retention_policy(logGroupName=inputs["name"])


class MetricAlarm(ResourceHandler):
    """An alarm on a metric, or on an expression over metrics."""

    pulumi_type: ClassVar[str] = "aws:cloudwatch/metricAlarm:MetricAlarm"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "actionsEnabled",
            "alarmActions",
            "alarmDescription",
            "comparisonOperator",
            "datapointsToAlarm",
            "dimensions",
            "evaluateLowSampleCountPercentiles",
            "evaluationPeriods",
            "extendedStatistic",
            "insufficientDataActions",
            "metricName",
            "metricQueries",
            "name",
            "namespace",
            "okActions",
            "period",
            "statistic",
            "tags",
            "threshold",
            "treatMissingData",
            "unit",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"comparisonOperator", "evaluationPeriods", "name"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"name"})
    # The emulator forgets it.
    write_only: ClassVar[frozenset[str]] = frozenset({"evaluateLowSampleCountPercentiles"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        self._put(clients, inputs, Tags=tag_list(inputs.get("tags", {})))
        return inputs["name"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        alarms = clients.cloudwatch.describe_alarms(AlarmNames=[resource_id], AlarmTypes=["MetricAlarm"])
        alarm: dict[str, Any] | None = next((dict(alarm) for alarm in alarms.get("MetricAlarms", [])), None)
        if alarm is None:
            raise missing("DescribeAlarms", resource_id)
        tags = clients.cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"]).get("Tags", [])
        properties: dict[str, Any] = {
            _alarm_property(parameter): value
            for parameter, value in alarm.items()
            if _alarm_property(parameter) in self.supported
        }
        properties |= {"name": resource_id, "arn": alarm["AlarmArn"], "tags": tag_map(tags)}
        properties["dimensions"] = {item["Name"]: item["Value"] for item in alarm.get("Dimensions", [])}
        if alarm.get("Metrics"):
            properties["metricQueries"] = [_query_property(query) for query in alarm["Metrics"]]
        return properties

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._put(clients, new)
        removed, added = tag_changes(old, new)
        if removed:
            clients.cloudwatch.untag_resource(ResourceARN=old["arn"], TagKeys=removed)
        if added:
            clients.cloudwatch.tag_resource(
                ResourceARN=old["arn"],
                Tags=tag_list(added),  # pyright: ignore[reportArgumentType]  the same shape as TagTypeDef
            )

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.cloudwatch.delete_alarms(AlarmNames=[resource_id])

    def _put(self, clients: Clients, inputs: Properties, **parameters: Any) -> None:
        for name, value in inputs.items():
            if name == "dimensions":
                parameters["Dimensions"] = [{"Name": key, "Value": item} for key, item in value.items()]
            elif name == "metricQueries":
                parameters["Metrics"] = [_query_parameter(query) for query in value]
            elif name in self.supported and name != "tags":
                parameters[_ALARM_PARAMETERS.get(name, name[0].upper() + name[1:])] = value
        clients.cloudwatch.put_metric_alarm(**parameters)


_ALARM_PARAMETERS = {
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
    "name": "AlarmName",
    "okActions": "OKActions",
}
_ALARM_PROPERTIES = {parameter: name for name, parameter in _ALARM_PARAMETERS.items()}


def _alarm_property(parameter: str) -> str:
    return _ALARM_PROPERTIES.get(parameter, parameter[0].lower() + parameter[1:])


def _query_parameter(query: Properties) -> dict[str, Any]:
    parameter: dict[str, Any] = upper_keys({key: value for key, value in query.items() if key != "metric"})
    if metric := query.get("metric"):
        parameter["MetricStat"] = present(
            Metric={
                "Namespace": metric.get("namespace"),
                "MetricName": metric["metricName"],
                "Dimensions": [{"Name": key, "Value": value} for key, value in metric.get("dimensions", {}).items()],
            },
            Period=metric["period"],
            Stat=metric["stat"],
            Unit=metric.get("unit"),
        )
    return parameter


def _query_property(query: Properties) -> dict[str, Any]:
    properties: dict[str, Any] = lower_keys({key: value for key, value in query.items() if key != "MetricStat"})
    if statistic := query.get("MetricStat"):
        metric = statistic["Metric"]
        properties["metric"] = present(
            namespace=metric.get("Namespace"),
            metricName=metric["MetricName"],
            dimensions={item["Name"]: item["Value"] for item in metric.get("Dimensions", [])} or None,
            period=statistic["Period"],
            stat=statistic["Stat"],
            unit=statistic.get("Unit"),
        )
    return properties


class Dashboard(ResourceHandler):
    """A dashboard."""

    pulumi_type: ClassVar[str] = "aws:cloudwatch/dashboard:Dashboard"
    supported: ClassVar[frozenset[str]] = frozenset({"dashboardBody", "dashboardName"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"dashboardName"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.cloudwatch.put_dashboard(DashboardName=inputs["dashboardName"], DashboardBody=inputs["dashboardBody"])
        return inputs["dashboardName"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        dashboard = clients.cloudwatch.get_dashboard(DashboardName=resource_id)
        return {
            "dashboardName": resource_id,
            "dashboardArn": dashboard.get("DashboardArn"),
            "dashboardBody": same_document(state.get("dashboardBody"), dashboard["DashboardBody"]),
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.cloudwatch.delete_dashboards(DashboardNames=[resource_id])
