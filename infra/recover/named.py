"""Resources whose name or ARN the inputs give."""

from infra.recover.aws import Aws, Match, answer, as_map, pages, text_of, within
from infra.recover.state import PendingCreate


def table(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a table of DynamoDB."""
    (name,) = text_of(pending, "name")
    dynamodb = aws.client("dynamodb", pending.region)
    found = answer(dynamodb.describe_table, TableName=name)
    if found is None:
        return None
    tags = dynamodb.list_tags_of_resource(ResourceArn=found["Table"]["TableArn"])["Tags"]
    return Match(name, name, as_map(tags))


def function(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a function of Lambda."""
    (name,) = text_of(pending, "name")
    found = answer(aws.client("lambda", pending.region).get_function, FunctionName=name)
    return Match(name, name, found.get("Tags") or {}) if found else None


def alias(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return an alias of a function; it has no tags."""
    function_name, name = text_of(pending, "functionName", "name")
    found = answer(aws.client("lambda", pending.region).get_alias, FunctionName=function_name, Name=name)
    return Match(found["AliasArn"], f"{bare_function_name(function_name)}/{name}") if found else None


def bare_function_name(name: str) -> str:
    """Return a function's name of it or of its ARN, with or without a qualifier."""
    if name.startswith("arn:"):
        return name.split(":")[6]
    return name.partition(":")[0]


def role(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a role."""
    (name,) = text_of(pending, "name")
    found = answer(aws.client("iam", pending.region).get_role, RoleName=name)
    return Match(name, name, as_map(found["Role"].get("Tags") or [])) if found else None


def log_group(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a log group."""
    (name,) = text_of(pending, "name")
    logs = aws.client("logs", pending.region)
    groups = pages(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    for group in groups:
        if group["logGroupName"] == name:
            arn = group["arn"].removesuffix(":*")
            return Match(name, name, logs.list_tags_for_resource(resourceArn=arn)["tags"])
    return None


def queue(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a queue."""
    (name,) = text_of(pending, "name")
    sqs = aws.client("sqs", pending.region)
    found = answer(sqs.get_queue_url, QueueName=name)
    if found is None:
        return None
    url = found["QueueUrl"]
    return Match(url, url, sqs.list_queue_tags(QueueUrl=url).get("Tags") or {})


def topic(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a topic."""
    (name,) = text_of(pending, "name")
    sns = aws.client("sns", pending.region)
    arn = f"arn:{aws.partition}:sns:{pending.region}:{aws.account_id}:{name}"
    if answer(sns.get_topic_attributes, TopicArn=arn) is None:
        return None
    return Match(arn, arn, as_map(sns.list_tags_for_resource(ResourceArn=arn)["Tags"]))


def bucket(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a bucket of this account; one of another account with the name is denied."""
    (name,) = text_of(pending, "bucket")
    s3 = aws.client("s3", pending.region)
    if answer(s3.head_bucket, Bucket=name, ExpectedBucketOwner=aws.account_id) is None:
        return None
    tags = answer(s3.get_bucket_tagging, Bucket=name)
    return Match(name, name, as_map(tags["TagSet"]) if tags else {}, may_lack_tags=True)


def event_bus(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a bus of EventBridge."""
    (name,) = text_of(pending, "name")
    events = aws.client("events", pending.region)
    found = answer(events.describe_event_bus, Name=name)
    if found is None:
        return None
    return Match(name, name, as_map(events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"]))


def event_archive(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return an archive of the same bus; it has no tags."""
    name, source = text_of(pending, "name", "eventSourceArn")
    found = answer(aws.client("events", pending.region).describe_archive, ArchiveName=name)
    return Match(name, name) if found and found["EventSourceArn"] == source else None


def stage(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a stage of an API, to which it belongs."""
    api, name = text_of(pending, "apiId", "name")
    found = answer(aws.client("apigatewayv2", pending.region).get_stage, ApiId=api, StageName=name)
    return Match(name, f"{api}/{name}") if found else None


def domain_name(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a domain name of API Gateway."""
    (name,) = text_of(pending, "domainName")
    if answer(aws.client("apigatewayv2", pending.region).get_domain_name, DomainName=name) is None:
        return None
    return Match(name, name, api_gateway_tags(aws, pending, f"domainnames/{name}"))


def api_gateway_tags(aws: Aws, pending: PendingCreate, resource: str) -> dict[str, str]:
    """Return the tags of an API or a domain name."""
    arn = f"arn:{aws.partition}:apigateway:{pending.region}::/{resource}"
    return aws.client("apigatewayv2", pending.region).get_tags(ResourceArn=arn).get("Tags") or {}


def dns_record(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a record of the same target; one with another target is somebody else's."""
    zone, name, record_type = text_of(pending, "zoneId", "name", "type")
    found = answer(
        aws.client("route53", pending.region).list_resource_record_sets,
        HostedZoneId=zone,
        StartRecordName=name,
        StartRecordType=record_type,
        MaxItems="1",
    )
    targets = {_dns(each["name"]) for each in pending.inputs.get("aliases", [])}
    for record in within(found, "ResourceRecordSets"):
        same = _dns(record["Name"]) == _dns(name) and record["Type"] == record_type
        if same and _dns(record.get("AliasTarget", {}).get("DNSName", "")) in targets:
            record_id = f"{zone}_{name.rstrip('.')}_{record_type}"
            return Match(record_id, record_id)
    return None


def _dns(name: str) -> str:
    return name.rstrip(".").lower()
