"""CloudWatch: log groups, alarms, dashboards."""

from local.deploy.handler import Draft, Properties, ResourceHandler, without
from local.deploy.values import names


def _log_group_from_service(properties: Draft, _returned: Properties, _state: Properties) -> Draft:
    # The provider's ARN has no `:*` at its end; a policy adds it to mean the group's streams.
    return {**properties, "arn": properties["arn"].removesuffix(":*")}


_OF_STATISTIC = names("period stat unit")
"""What the provider has in a query's metric, and CloudWatch beside the metric."""


def _alarm_to_service(inputs: Draft) -> Draft:
    if "metricQueries" not in inputs:
        return inputs
    return {**inputs, "metricQueries": [_query_to_service(query) for query in inputs["metricQueries"]]}


def _query_to_service(query: Draft) -> Draft:
    if "metric" not in query:
        return query
    metric = without(query["metric"], _OF_STATISTIC)
    return {**without(query, {"metric"}), "metricStat": {**without(query["metric"], metric), "metric": metric}}


def _alarm_from_service(properties: Draft, _returned: Properties, _state: Properties) -> Draft:
    queries = [_query_from_service(query) for query in properties.get("metricQueries", [])]
    return {**without(properties, {"metricQueries"}), **({"metricQueries": queries} if queries else {})}


def _query_from_service(query: Draft) -> Draft:
    if "metricStat" not in query:
        return query
    statistic: Properties = query["metricStat"]
    metric = {name: value for name, value in statistic["metric"].items() if value}
    return {**without(query, {"metricStat"}), "metric": {**without(statistic, {"metric"}), **metric}}


_TRANSFORMATION = {"metricName": "name", "metricNamespace": "namespace", "metricValue": "value"}
"""The service's names of a metric filter's transformation to the provider's, where they differ."""


def _metric_filter_to_service(inputs: Draft) -> Draft:
    names_there = {here: there for there, here in _TRANSFORMATION.items()}
    sent = {names_there.get(name, name): value for name, value in inputs["metricTransformation"].items()}
    if "defaultValue" in sent:
        sent["defaultValue"] = float(sent["defaultValue"])
    return {**without(inputs, {"metricTransformation"}), "metricTransformations": [sent]}


def _metric_filter_from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    (transformation,) = returned["metricTransformations"]
    found = {_TRANSFORMATION.get(name, name): value for name, value in transformation.items()}
    if "defaultValue" in found:
        found["defaultValue"] = f"{found['defaultValue']:g}"  # Text in the provider.
    return {**properties, "metricTransformation": found}


HANDLERS = (
    ResourceHandler(
        pulumi_type="aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        operations="CreateLogGroup DescribeLogGroups - DeleteLogGroup",
        required=names("name"),
        optional=names("kmsKeyId retentionInDays tags"),
        immutable=names("kmsKeyId"),
        separate={"retentionInDays": ("PutRetentionPolicy", "DeleteRetentionPolicy")},
        id="{name}",
        parameters={"logGroupNamePrefix": "{name}"},
        result="logGroups",
        renamed={"logGroupName": "name"},
        # 0 is the provider's word for "for ever", which CloudWatch says by having no policy.
        absent={"retentionInDays": 0},
        outputs={"arn": "{arn}"},
        from_service=_log_group_from_service,
    ),
    ResourceHandler(
        pulumi_type="aws:cloudwatch/logMetricFilter:LogMetricFilter",
        service="logs",
        operations="PutMetricFilter DescribeMetricFilters DeleteMetricFilter",
        required=names("logGroupName metricTransformation pattern"),
        optional=names("name"),
        immutable=names("logGroupName"),
        id="{name}",
        parameters={"filterNamePrefix": "{name}"},
        result="metricFilters",
        renamed={"filterName": "name", "filterPattern": "pattern"},
        to_service=_metric_filter_to_service,
        from_service=_metric_filter_from_service,
        tag_operations=("", "", ""),
    ),
    ResourceHandler(
        pulumi_type="aws:cloudwatch/metricAlarm:MetricAlarm",
        operations="PutMetricAlarm DescribeAlarms DeleteAlarms",
        required=names("comparisonOperator evaluationPeriods name"),
        optional=names(
            "actionsEnabled alarmActions alarmDescription datapointsToAlarm dimensions "
            "evaluateLowSampleCountPercentiles extendedStatistic insufficientDataActions metricName metricQueries "
            "namespace okActions period statistic tags threshold treatMissingData unit"
        ),
        write_only=names("evaluateLowSampleCountPercentiles metricQueries"),  # The emulator forgets them.
        id="{name}",
        parameters={"AlarmNames": ["{name}"], "AlarmTypes": ["MetricAlarm"]},
        result="metricAlarms",
        renamed={
            "AlarmName": "name",
            "EvaluateLowSampleCountPercentile": "evaluateLowSampleCountPercentiles",
            "Metrics": "metricQueries",
        },
        # Source: CloudWatch API reference, PutMetricAlarm.
        defaults={"actionsEnabled": True, "alarmActions": [], "insufficientDataActions": [], "okActions": []},
        absent={"dimensions": {}},
        outputs={"arn": "{alarmArn}"},
        to_service=_alarm_to_service,
        from_service=_alarm_from_service,
    ),
    ResourceHandler(
        pulumi_type="aws:cloudwatch/dashboard:Dashboard",
        operations="PutDashboard GetDashboard DeleteDashboards",
        required=names("dashboardBody dashboardName"),
        id="{dashboardName}",
        parameters={"DashboardNames": ["{dashboardName}"]},
        documents=names("dashboardBody"),
        outputs={"dashboardArn": "{dashboardArn}"},
    ),
)
