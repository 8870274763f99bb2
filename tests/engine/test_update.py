"""Two environments in one account: updates, refreshes and recovery."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guardrails.resource import (
    ALIAS,
    EVENT_ARCHIVE,
    EVENT_BUS,
    EVENT_SOURCE_MAPPING,
    FUNCTION,
    LOG_GROUP,
    QUEUE,
    ROUTE,
    SUBSCRIPTION,
    TABLE,
    TOPIC,
    Resource,
    StackConfig,
)
from infra.consumers import CONSUMERS
from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from local.engine.wire_values import plain_json
from tests.support.engine.engine_stack import Deployed, EngineError, resource_name
from tests.support.engine.transforms import another_key, other_package
from tests.support.stack.guarded_stack import ALL, findings
from tests.support.stack.recorded_stack import record

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import TimeToLiveSpecificationTypeDef

BOTH = pytest.mark.parametrize("environment", ["dev", "prod"])


@pytest.fixture
def deployed(environment: str, dev: Deployed, prod: Deployed) -> Deployed:
    return {"dev": dev, "prod": prod}[environment]


def test_two_environments_in_one_account_share_no_name(dev: Deployed, prod: Deployed, account: Clients) -> None:
    tables = set(account.dynamodb.list_tables()["TableNames"])

    assert {"Users-dev", "UserKeys-dev", "Activity-dev", "Users-prod", "UserKeys-prod", "Activity-prod"} <= tables
    for field in type(dev.outputs).model_fields:
        ours, theirs = getattr(dev.outputs, field), getattr(prod.outputs, field)
        assert ours != theirs or ours is None or field == "region", field
    assert (dev.outputs.environment, prod.outputs.environment) == ("dev", "prod")


@BOTH
def test_the_stack_as_the_engine_registered_it_keeps_every_rule(deployed: Deployed) -> None:
    resources = [
        Resource(
            stack=StackConfig.read(deployed.name, {}),
            type=each["type"],
            name=each["urn"].rpartition("::")[2],
            urn=each["urn"],
            properties=plain_json(each.get("inputs", {})),
            protect=each.get("protect", False),
        )
        for each in deployed.resources()
    ]

    # An endpoint without TLS breaks this one rule.
    assert {finding.rule for finding in findings(ALL, resources)} == {"no-plain-http"}
    assert sum(resource.type == TABLE for resource in resources) == 3


@BOTH
def test_a_second_up_changes_nothing(deployed: Deployed) -> None:
    assert deployed.up().changes == {}


def test_changed_settings_update_in_place_and_are_named(dev: Deployed, account: Clients) -> None:
    settings = {
        "userstream:streamBatchSize": "17",
        "userstream:logRetentionDays": "30",
        "userstream:throttleRatePerSecond": "23",
        "userstream:corsAllowedOrigins": '["https://app.example.com"]',
    }
    try:
        steps = dev.up(settings=settings)
        mapping = account.lambda_.list_event_source_mappings(FunctionName=dev.outputs.log_user_changes_function_name)[
            "EventSourceMappings"
        ][0]
    finally:
        restored = dev.up()

    expected = {
        "aws:apigatewayv2/api:Api api": ["corsConfiguration"],
        "aws:apigatewayv2/stage:Stage default": ["defaultRouteSettings"],
        f"{LOG_GROUP} access-log": ["retentionInDays"],
        **{f"{EVENT_SOURCE_MAPPING} {each.source}": ["batchSize"] for each in CONSUMERS if not each.has_queue},
        **{f"{LOG_GROUP} {each.name}-log": ["retentionInDays"] for each in record("dev").of_type(FUNCTION)},
    }
    assert steps.of_resources() == dict.fromkeys(expected, "update") == restored.of_resources()
    assert steps.properties == expected == restored.properties
    assert mapping.get("BatchSize") == 17


def test_a_changed_source_updates_only_its_function_and_makes_the_new_version_live(
    dev: Deployed, tmp_path: Path
) -> None:
    package = package_of_a_changed_source(tmp_path)
    transform = partial(
        other_package,
        function="rescue-failed-batches",
        path=package["path"],
        sha256_base64=package["sha256_base64"],
    )
    try:
        steps = dev.up(transform=transform)
    finally:
        restored = dev.up()

    function, alias = f"{FUNCTION} rescue-failed-batches", f"{ALIAS} rescue-failed-batches-live"
    assert steps.of_resources() == {function: "update", alias: "update"} == restored.of_resources()
    changed = {function: ["code", "sourceCodeHash"], alias: ["functionVersion"]}
    assert steps.properties == changed == restored.properties


def package_of_a_changed_source(directory: Path) -> Mapping[str, str]:
    """Build rescue_failed_batches from a copy of the project, with one more line in its handler."""
    for folder in ("functions", "infra"):
        shutil.copytree(PROJECT_ROOT / folder, directory / folder, ignore=shutil.ignore_patterns("__pycache__"))
    handler = directory / "functions" / "rescue_failed_batches" / "handler.py"
    handler.write_text(handler.read_text() + "\nONE_LINE_MORE = True\n")
    build = (
        "import dataclasses, json; from infra.packaging import build_package; "
        "print(json.dumps(dataclasses.asdict(build_package('rescue_failed_batches', 'lambda')), default=str))"
    )
    built = subprocess.run([sys.executable, "-c", build], cwd=directory, check=True, capture_output=True, text=True)
    return json.loads(built.stdout)


def test_a_change_that_would_replace_a_table_is_refused_in_prod(prod: Deployed, account: Clients) -> None:
    table = prod.outputs.users_table_name
    before = account.dynamodb.describe_table(TableName=table)["Table"].get("TableId")

    with pytest.raises(EngineError, match="protect") as refused:
        prod.up(transform=another_key)

    assert any("users" in message and "protect" in message for message in refused.value.steps.messages)
    assert account.dynamodb.describe_table(TableName=table)["Table"].get("TableId") == before


def test_destroy_is_refused_in_prod_before_anything_is_deleted(prod: Deployed) -> None:
    with pytest.raises(EngineError, match="protect"):
        prod.destroy()

    assert prod.refresh().changes == {}
    assert prod.up().changes == {}


def test_refresh_shows_what_was_changed_by_hand_and_up_repairs_it(dev: Deployed, account: Clients) -> None:
    group = f"/aws/lambda/{dev.outputs.log_user_changes_function_name}"
    account.logs.put_retention_policy(logGroupName=group, retentionInDays=1)

    refreshed = dev.refresh()
    mended = dev.up()

    changed = "aws:cloudwatch/logGroup:LogGroup log-user-changes-log"
    assert refreshed.properties == {changed: ["retentionInDays"]}
    assert mended.of_resources() == {changed: "update"}
    assert mended.properties == {changed: ["retentionInDays"]}


def test_refresh_shows_a_property_that_no_program_set_and_somebody_changed(dev: Deployed, account: Clients) -> None:
    """The program sets none of these inputs, so the service's defaults are what it expects."""
    outputs = dev.outputs
    account.lambda_.put_function_concurrency(
        FunctionName=outputs.manage_users_function_name, ReservedConcurrentExecutions=0
    )
    account.cloudwatch.disable_alarm_actions(AlarmNames=["IteratorAge-dev"])
    account.sqs.set_queue_attributes(QueueUrl=outputs.dead_letter_queue_url, Attributes={"VisibilityTimeout": "99"})
    expiry: TimeToLiveSpecificationTypeDef = {"Enabled": True, "AttributeName": "createdAt"}
    account.dynamodb.update_time_to_live(TableName=outputs.users_table_name, TimeToLiveSpecification=expiry)

    refreshed = dev.refresh()
    mended = dev.up()

    changed = {
        "aws:cloudwatch/metricAlarm:MetricAlarm IteratorAge": ["actionsEnabled"],
        "aws:dynamodb/table:Table users": ["ttl"],
        "aws:lambda/function:Function manage-users": ["reservedConcurrentExecutions"],
        "aws:sqs/queue:Queue dead-letter-queue": ["visibilityTimeoutSeconds"],
    }
    # Until a function is updated, nobody knows whether that makes a version.
    looked_at = changed | {"aws:lambda/alias:Alias manage-users-live": ["functionVersion"]}
    assert refreshed.properties == changed
    assert mended.properties == looked_at
    assert mended.of_resources() == dict.fromkeys(looked_at, "update")
    assert dev.refresh().changes == {}
    assert account.cloudwatch.describe_alarms(AlarmNames=["IteratorAge-dev"])["MetricAlarms"][0].get("ActionsEnabled")
    reserved = account.lambda_.get_function_concurrency(FunctionName=outputs.manage_users_function_name)
    assert "ReservedConcurrentExecutions" not in reserved


def test_refresh_shows_what_somebody_changed_on_a_changes_way_to_a_consumer(dev: Deployed, account: Clients) -> None:
    ids = ids_of(dev)
    queue, failure_queue = f"{QUEUE} publish-user-events-queue", f"{QUEUE} publish-user-events-failure-queue"
    sources = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy publish-user-events-failure-queue-sources"
    bus, archive = f"{EVENT_BUS} user-events", f"{EVENT_ARCHIVE} user-events"
    mappings = f"{EVENT_SOURCE_MAPPING} activity-stream", f"{EVENT_SOURCE_MAPPING} publish-user-events-queue"
    topic, subscription = f"{TOPIC} user-changes", f"{SUBSCRIPTION} publish-user-events"
    account.sns.set_topic_attributes(TopicArn=ids[topic], AttributeName="FifoThroughputScope", AttributeValue="Topic")
    account.sns.set_subscription_attributes(
        SubscriptionArn=ids[subscription], AttributeName="FilterPolicy", AttributeValue='{"kind": ["ADDED"]}'
    )
    account.sqs.set_queue_attributes(QueueUrl=ids[queue], Attributes={"FifoThroughputLimit": "perQueue"})
    account.sqs.set_queue_attributes(QueueUrl=ids[failure_queue], Attributes={"MessageRetentionPeriod": "60"})
    account.sqs.set_queue_attributes(
        QueueUrl=ids[sources], Attributes={"RedriveAllowPolicy": '{"redrivePermission": "denyAll"}'}
    )
    account.lambda_.update_event_source_mapping(UUID=ids[mappings[0]], FilterCriteria={"Filters": []})
    account.lambda_.update_event_source_mapping(UUID=ids[mappings[1]], ScalingConfig={"MaximumConcurrency": 2})
    account.events.update_event_bus(Name=ids[bus], Description="by hand")
    account.events.update_archive(ArchiveName=ids[archive], RetentionDays=1)

    refreshed = dev.refresh()
    mended = dev.up()

    changed = {
        topic: ["fifoThroughputScope"],
        subscription: ["filterPolicy"],
        queue: ["fifoThroughputLimit"],
        failure_queue: ["messageRetentionSeconds"],
        sources: ["redriveAllowPolicy"],
        mappings[0]: ["filterCriteria"],
        mappings[1]: ["scalingConfig"],
        bus: ["description"],
        archive: ["retentionDays"],
    }
    assert refreshed.properties == changed == mended.properties
    assert mended.of_resources() == dict.fromkeys(changed, "update")
    assert ids_of(dev) == ids
    assert dev.refresh().changes == {}


def ids_of(stack: Deployed) -> dict[str, str]:
    return {resource_name(each["urn"]): each["id"] for each in stack.resources() if "id" in each}


def test_an_address_is_secret_in_the_state(dev: Deployed) -> None:
    address = "on-call@example.com"
    try:
        added = dev.up(settings={"userstream:alarmEmail": address})
        # Not `in` below: pytest would compare the whole state with the address, letter by letter.
        leaked = address in json.dumps(dev.resources())
    finally:
        removed = dev.up()

    subscription = "aws:sns/topicSubscription:TopicSubscription alarm-email"
    assert added.of_resources() == {subscription: "create"}
    assert removed.of_resources() == {subscription: "delete"}
    assert not leaked
    assert address not in added.text


def test_resources_that_a_killed_engine_did_not_record_are_found(dev: Deployed, account: Clients) -> None:
    """Its state lists them as being created; AWS has created them, and refuses a second one."""
    file = json.loads(dev.state_file.read_text())
    state = file["checkpoint"]["latest"]
    # The engine starts a dependent only after it recorded what it depends on.
    needed = {urn for each in state["resources"] for urn in each.get("dependencies", [])}
    begun = [each for each in state["resources"] if each["type"].startswith("aws:") and each["urn"] not in needed]
    types = {each["type"] for each in begun}
    assert {EVENT_ARCHIVE, EVENT_SOURCE_MAPPING, ROUTE, SUBSCRIPTION} <= types
    state["resources"] = [each for each in state["resources"] if each not in begun]
    state["pending_operations"] = [
        {"type": "creating", "resource": {name: each[name] for name in each.keys() - {"id", "outputs"}}}
        for each in begun
    ]
    dev.state_file.write_text(json.dumps(file))

    assert dev.cancel(account) == len(begun)
    assert dev.up().changes == {}
