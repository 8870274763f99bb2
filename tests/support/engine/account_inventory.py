"""The resources of an account, of every type that the program creates."""

from local.aws_clients import Clients


def everything_in(account: Clients) -> set[str]:
    """Return the name of each resource in the clients' region."""
    functions = {each.get("FunctionName", "") for each in account.lambda_.list_functions()["Functions"]}
    return {
        *account.dynamodb.list_tables()["TableNames"],
        *functions,
        *(
            each["UUID"]
            for each in account.lambda_.list_event_source_mappings()["EventSourceMappings"]
            if "UUID" in each
        ),
        *(each.get("Name", "") for each in account.apigatewayv2.get_apis()["Items"]),
        *(each.get("logGroupName", "") for each in account.logs.describe_log_groups()["logGroups"]),
        *(each["RoleName"] for each in account.iam.list_roles()["Roles"]),
        *account.sqs.list_queues().get("QueueUrls", []),
        *(each.get("Name", "") for each in account.s3.list_buckets()["Buckets"]),
        *(each.get("TopicArn", "") for each in account.sns.list_topics()["Topics"]),
        *(each.get("SubscriptionArn", "") for each in account.sns.list_subscriptions()["Subscriptions"]),
        *(each.get("Arn", "") for each in account.events.list_event_buses()["EventBuses"]),
        *(f"archive {each.get('ArchiveName')}" for each in account.events.list_archives()["Archives"]),
        *(each.get("AlarmName", "") for each in account.cloudwatch.describe_alarms()["MetricAlarms"]),
        *(each.get("DashboardName", "") for each in account.cloudwatch.list_dashboards()["DashboardEntries"]),
        *(each["Id"] for each in account.cloudfront.list_distributions()["DistributionList"].get("Items", [])),
    }
