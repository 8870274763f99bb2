"""CloudWatch: log groups, alarms, dashboards."""

from typing import Any

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed, names, without


class _LogGroup(ResourceHandler):
    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        name = super()._create(clients, inputs)
        _set_retention(clients, inputs)
        return name

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        # The provider's ARN has no `:*` at its end; a policy adds it where it means the streams.
        return {**properties, "arn": properties["arn"].removesuffix(":*")}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "retentionInDays"):
            _set_retention(clients, new)
        super()._update(clients, resource_id, old, new)


def _set_retention(clients: Clients, inputs: Properties) -> None:
    # 0 is the provider's word for "for ever", which CloudWatch says by having no policy.
    if days := inputs.get("retentionInDays", 0):
        clients.logs.put_retention_policy(logGroupName=inputs["name"], retentionInDays=days)
    else:
        clients.logs.delete_retention_policy(logGroupName=inputs["name"])


class _MetricAlarm(ResourceHandler):
    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        if "metricQueries" not in inputs:
            return inputs
        return {**inputs, "metricQueries": [_service_query(query) for query in inputs["metricQueries"]]}

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        queries = [_provider_query(query) for query in properties.pop("metricQueries", [])]
        return {**properties, "metricQueries": queries} if queries else properties


_OF_THE_STATISTIC = names("period stat unit")


def _service_query(query: Properties) -> dict[str, Any]:
    """Return a query with its metric apart from its statistic."""
    if "metric" not in query:
        return dict(query)
    metric = without(query["metric"], _OF_THE_STATISTIC)
    statistic = without(query["metric"], metric.keys())
    return {**without(query, {"metric"}), "metricStat": {**statistic, "metric": metric}}


def _provider_query(query: Properties) -> dict[str, Any]:
    """Return a query with its metric and statistic in one."""
    if "metricStat" not in query:
        return dict(query)
    metric = {name: value for name, value in query["metricStat"]["metric"].items() if value or name != "dimensions"}
    statistic = without(query["metricStat"], {"metric"})
    return {**without(query, {"metricStat"}), "metric": {**metric, **statistic}}


HANDLERS = (
    _LogGroup(
        pulumi_type="aws:cloudwatch/logGroup:LogGroup",
        client="logs",
        required=names("name"),
        optional=names("kmsKeyId retentionInDays tags"),
        replace_on=names("kmsKeyId name"),
        by_hand=names("retentionInDays"),
        create_operation="CreateLogGroup",
        read_operation="DescribeLogGroups",
        delete_operation="DeleteLogGroup",
        id="{name}",
        identity={"logGroupName": "{name}", "logGroupNamePrefix": "{name}", "resourceArn": "{arn}"},
        result="logGroups",
        renamed={"logGroupName": "name"},
        absent={"retentionInDays": 0},
        outputs={"arn": "{arn}"},
    ),
    _MetricAlarm(
        pulumi_type="aws:cloudwatch/metricAlarm:MetricAlarm",
        client="cloudwatch",
        required=names("comparisonOperator evaluationPeriods name"),
        optional=names(
            "actionsEnabled alarmActions alarmDescription datapointsToAlarm dimensions "
            "evaluateLowSampleCountPercentiles extendedStatistic insufficientDataActions metricName metricQueries "
            "namespace okActions period statistic tags threshold treatMissingData unit"
        ),
        replace_on=names("name"),
        write_only=names("evaluateLowSampleCountPercentiles"),  # The emulator forgets it.
        create_operation="PutMetricAlarm",
        read_operation="DescribeAlarms",
        delete_operation="DeleteAlarms",
        id="{name}",
        identity={"AlarmNames": ["{name}"], "AlarmTypes": ["MetricAlarm"], "ResourceARN": "{arn}"},
        result="metricAlarms",
        renamed={
            "AlarmName": "name",
            "EvaluateLowSampleCountPercentile": "evaluateLowSampleCountPercentiles",
            "Metrics": "metricQueries",
        },
        absent={"dimensions": {}},
        outputs={"arn": "{alarmArn}"},
    ),
    ResourceHandler(
        pulumi_type="aws:cloudwatch/dashboard:Dashboard",
        client="cloudwatch",
        required=names("dashboardBody dashboardName"),
        replace_on=names("dashboardName"),
        create_operation="PutDashboard",
        read_operation="GetDashboard",
        delete_operation="DeleteDashboards",
        id="{dashboardName}",
        identity={"DashboardName": "{dashboardName}", "DashboardNames": ["{dashboardName}"]},
        documents=names("dashboardBody"),
        outputs={"dashboardArn": "{dashboardArn}"},
    ),
)
