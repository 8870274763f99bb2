"""From a declaration follows everything that a consumer needs, and nothing else has to be written.

`thank_new_users` is declared here alone: a folder with a handler, and a `Consumer` in the list.
"""

import json
import shutil
from typing import Any

import pytest

from guardrails import resource as types
from guardrails.resource import Resource
from infra import consumers, packaging
from infra.components.statement import allow
from infra.consumers import CONSUMERS
from infra.consumers.declaration import Consumer
from infra.consumers.page import consumers_page
from infra.naming import PROJECT_ROOT
from infra.outputs import outputs_model
from tests.support.stack.consumer_parts import MAPPING, QUEUE, QUEUE_POLICY, Part, missing, parts_of, sentence
from tests.support.stack.guarded_stack import ALL, changed, findings, guarded, without
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import RecordedResource, RecordedStack, record

THANK = Consumer(
    folder="thank_new_users",
    description="Sends each new user a message",
    kinds=("ADDED",),
    batch_size=5,
    maximum_receives=3,
    maximum_concurrency=2,
    memory_mb=512,
    timeout_seconds=20,
    variables=lambda resources: {"SENDER": f"hello@{resources.environment.name}.example"},
    statements=lambda resources: [allow("ReadUsers", ["dynamodb:GetItem"], [resources.store.users.arn])],
)
DECLARED = [*CONSUMERS, THANK]

HANDLER = """\
from functions.consumers.runtime import JsonObject, LambdaContext, StoredChange, handle_changes

def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    return handle_changes(event, context, thank)

def thank(change: StoredChange) -> None:
    print(change.user_id)
"""

SQS = "arn:aws:sqs:eu-west-1:123456789012"
SQS_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:UserChanges-dev.fifo"
TAGS = {"project": "userstream", "environment": "dev", "managedBy": "pulumi"}
FAILURE_QUEUE = f"{SQS}:ThankNewUsersFailureQueue-dev.fifo"
QUEUE_ARN = f"{SQS}:ThankNewUsersQueue-dev.fifo"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> RecordedStack:
    """Dev, with one consumer more in a copy of functions/ and in the list."""
    directory = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT_ROOT / "functions", directory / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    folder = directory / "functions" / THANK.folder
    folder.mkdir()
    (folder / "__init__.py").write_text('"""Thanks new users."""\n', encoding="utf-8")
    (folder / "handler.py").write_text(HANDLER, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packaging, "PROJECT_ROOT", directory)
        patch.setattr(consumers, "CONSUMERS", tuple(DECLARED))
        return record("dev", config=own_config("dev"))


CASES = [(consumer, part) for consumer in DECLARED for part in parts_of(consumer)]


@pytest.mark.parametrize(("consumer", "part"), CASES, ids=[f"{each.logical_name}: {part.what}" for each, part in CASES])
def test_a_declared_consumer_has_every_part(stack: RecordedStack, consumer: Consumer, part: Part) -> None:
    assert part.is_in(stack), sentence(consumer, part)


@pytest.mark.parametrize("part", parts_of(THANK), ids=lambda part: part.what)
def test_a_part_that_is_missing_is_one_sentence_which_names_consumer_and_part(stack: RecordedStack, part: Part) -> None:
    assert [found for consumer in DECLARED for found in missing(part.removed_from(stack), consumer)] == [
        f"thank-new-users has no {part.what} ({part.name})"
    ]


def test_a_new_consumer_adds_its_own_parts_and_changes_what_all_share(stack: RecordedStack) -> None:
    known = {each.urn: inputs_of(each) for each in record("dev").resources}
    added = {(each.type, each.name) for each in stack.resources if each.urn not in known and not each.is_component}
    different = {each.name for each in stack.resources if each.urn in known and inputs_of(each) != known[each.urn]}

    assert added == {(part.type, part.name) for part in parts_of(THANK)}
    # The rescue may receive from its failure queue, and the dashboard has a row more.
    assert different == {"rescue-failed-batches-policy", "dashboard"}


def inputs_of(resource: RecordedResource) -> dict[str, Any]:
    return {name: value for name, value in resource.inputs.items() if name != "code"}  # a file's path


@pytest.mark.parametrize("consumer", DECLARED, ids=lambda consumer: consumer.logical_name)
def test_the_dashboard_has_a_row_of_each_consumer(stack: RecordedStack, consumer: Consumer) -> None:
    widgets = stack.only("aws:cloudwatch/dashboard:Dashboard", "dashboard").json("dashboardBody")["widgets"]
    titles = [widget["properties"]["title"] for widget in widgets]

    assert len([title for title in titles if title.startswith(f"{consumer.logical_name}: ")]) == 3


@pytest.mark.parametrize("consumer", DECLARED, ids=lambda consumer: consumer.logical_name)
def test_the_outputs_have_the_names_of_each_consumer_s_resources(stack: RecordedStack, consumer: Consumer) -> None:
    outputs = outputs_model(DECLARED).model_validate(stack.outputs).model_dump(by_alias=True)

    assert outputs[consumer.function_output] == consumer.function_name("dev")
    if consumer.has_queue:
        assert outputs[consumer.queue_output] == f"{SQS_URL}/{consumer.queue_name('dev')}"
        assert outputs[consumer.failure_queue_output] == f"{SQS_URL}/{consumer.failure_queue_name('dev')}"


def test_a_consumer_that_the_settings_switch_off_has_no_resource_and_null_outputs() -> None:
    config = own_config("dev") | {"userstream:userEventsEnabled": "false"}
    off = record("dev", config=config)
    (events,) = (consumer for consumer in CONSUMERS if consumer.folder == "publish_user_events")

    assert len(missing(off, events)) == len(parts_of(events))
    outputs = outputs_model(CONSUMERS).model_validate(off.outputs).model_dump(by_alias=True)
    assert outputs[events.function_output] is outputs[events.queue_output] is None


@pytest.mark.parametrize("consumer", DECLARED, ids=lambda consumer: consumer.logical_name)
def test_the_page_has_a_section_of_each_consumer_that_links_from_its_alarms(
    stack: RecordedStack, consumer: Consumer
) -> None:
    page = consumers_page(DECLARED)

    assert f"\n## {consumer.logical_name}\n\n{consumer.description}.\n" in page
    for part in parts_of(consumer):
        description = stack.only(part.type, part.name).inputs.get("alarmDescription", "")
        if "docs/consumers.md#" in description:
            assert f"\n### {part.name}\n" in page, sentence(consumer, part)


def test_the_queue_keeps_each_user_s_order_and_gives_up_on_a_change_after_its_receives(stack: RecordedStack) -> None:
    queue = stack.only(QUEUE, "thank-new-users-queue")

    assert {**queue.inputs, "redrivePolicy": queue.json("redrivePolicy")} == {
        "name": "ThankNewUsersQueue-dev.fifo",
        "fifoQueue": True,
        "contentBasedDeduplication": False,
        "deduplicationScope": "messageGroup",
        "fifoThroughputLimit": "perMessageGroupId",
        "messageRetentionSeconds": 14 * 24 * 60 * 60,
        "visibilityTimeoutSeconds": 6 * 20,
        "redrivePolicy": {"deadLetterTargetArn": FAILURE_QUEUE, "maxReceiveCount": 3},
        "sqsManagedSseEnabled": True,
        "tags": TAGS,
    }
    failures = stack.only(QUEUE, "thank-new-users-failure-queue").inputs
    assert failures["fifoQueue"] is True
    assert "redrivePolicy" not in failures
    sources = stack.only("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "thank-new-users-failure-queue-sources")
    assert sources.json("redriveAllowPolicy") == {"redrivePermission": "byQueue", "sourceQueueArns": [QUEUE_ARN]}
    nobody = stack.only("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "thank-new-users-queue-sources")
    assert nobody.json("redriveAllowPolicy") == {"redrivePermission": "denyAll"}


@pytest.mark.parametrize(
    ("name", "arn"),
    [("thank-new-users-queue", QUEUE_ARN), ("thank-new-users-failure-queue", FAILURE_QUEUE)],
)
def test_only_the_topic_may_send_and_only_by_tls(stack: RecordedStack, name: str, arn: str) -> None:
    assert stack.only(QUEUE_POLICY, name).json("policy")["Statement"] == [
        {
            "Sid": "TopicSends",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": ["sqs:SendMessage"],
            "Resource": [arn],
            "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}},
        },
        {
            "Sid": "DenyUnencryptedTransport",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["sqs:*"],
            "Resource": [arn],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]


def test_the_subscription_takes_the_declared_kinds_and_keeps_what_sns_cannot_deliver(stack: RecordedStack) -> None:
    subscription = stack.only("aws:sns/topicSubscription:TopicSubscription", "thank-new-users")

    assert subscription.inputs == {
        "topic": TOPIC,
        "protocol": "sqs",
        "endpoint": QUEUE_ARN,
        "rawMessageDelivery": True,
        "filterPolicy": json.dumps({"kind": ["ADDED"], "origin": ["change"]}),
        "filterPolicyScope": "MessageAttributes",
        "redrivePolicy": json.dumps({"deadLetterTargetArn": FAILURE_QUEUE}),
    }
    policies = {stack.only(QUEUE_POLICY, f"thank-new-users-{queue}").urn for queue in ("queue", "failure-queue")}
    assert policies <= subscription.options.depends_on, "the first messages would be refused"


def test_the_function_gets_its_declared_variables_and_rights_beside_those_of_its_delivery(stack: RecordedStack) -> None:
    function = stack.only("aws:lambda/function:Function", "thank-new-users")

    assert (function.inputs["memorySize"], function.inputs["timeout"]) == (512, 20)
    assert function.inputs["description"] == "Sends each new user a message"
    assert function.inputs["environment"]["variables"] == {
        "ENVIRONMENT": "dev",
        "SENDER": "hello@dev.example",
        "ACTIVITY_TABLE": "Activity-dev",
        "MAXIMUM_RECEIVES": "3",
        "QUEUE_URL": f"{SQS_URL}/ThankNewUsersQueue-dev.fifo",
        "DEAD_LETTER_QUEUE_URL": f"{SQS_URL}/UserChangesDeadLetterQueue-dev",
        "FAILED_RECORDS_BUCKET": "userstream-failures-dev-euw1-123456789012",
    }
    rights = {statement["Sid"]: (statement["Action"], statement["Resource"]) for statement in role(stack)}
    assert list(rights) == [
        *("WriteOwnLog", "ReceiveChanges", "ReadActivity", "ReadUsers"),
        *("KeepFailedRecords", "KeepLargeFailedRecords"),
    ]
    actions = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
    assert rights["ReceiveChanges"] == ([f"sqs:{action}" for action in actions], [QUEUE_ARN])
    assert rights["ReadActivity"][0] == ["dynamodb:BatchGetItem"]


def role(stack: RecordedStack) -> list[dict[str, Any]]:
    return stack.statements("thank-new-users")


def test_the_mapping_bounds_batches_and_concurrency_and_waits_for_the_role_s_policy(stack: RecordedStack) -> None:
    mapping = stack.only(MAPPING, "thank-new-users-queue")

    assert mapping.inputs == {
        "eventSourceArn": QUEUE_ARN,
        "functionName": "arn:aws:lambda:eu-west-1:123456789012:function:ThankNewUsersFunction-dev:live",
        "batchSize": 5,
        "functionResponseTypes": ["ReportBatchItemFailures"],
        "scalingConfig": {"maximumConcurrency": 2},
        "tags": TAGS,
    }
    policy = stack.only("aws:iam/rolePolicy:RolePolicy", "thank-new-users-policy")
    assert policy.urn in mapping.options.depends_on
    assert mapping.options.delete_before_replace


def test_the_rescue_takes_what_the_function_did_not(stack: RecordedStack) -> None:
    mapping = stack.only(MAPPING, "thank-new-users-failure-queue").inputs
    receive = next(each for each in stack.statements("rescue-failed-batches") if each["Sid"] == "ReceivePointers")

    assert mapping["eventSourceArn"] == FAILURE_QUEUE
    assert mapping["functionName"].endswith(":function:RescueFailedBatchesFunction-dev:live")
    assert FAILURE_QUEUE in receive["Resource"]


def test_a_stack_with_one_consumer_more_keeps_every_rule(stack: RecordedStack) -> None:
    assert [str(finding) for finding in findings(ALL, guarded(stack))] == []


def rules_broken_by(resources: list[Resource]) -> set[str]:
    return {finding.rule for finding in findings(ALL, resources)}


@pytest.mark.parametrize(
    ("resource", "properties", "rule"),
    [
        (("thank-new-users-queue", types.QUEUE), {"visibilityTimeoutSeconds": 119}, "queues-outlast-their-consumers"),
        (("thank-new-users-queue", types.QUEUE), {"redrivePolicy": None}, "queues-outlast-their-consumers"),
        (("thank-new-users-queue", types.QUEUE), {"name": "Thank.queue"}, "within-the-documented-limits"),
        (("thank-new-users-queue", MAPPING), {"scalingConfig": None}, "concurrency-is-bounded"),
        (("thank-new-users-queue", MAPPING), {"functionResponseTypes": []}, "batch-item-failures-are-reported"),
        (("thank-new-users", types.SUBSCRIPTION), {"redrivePolicy": None}, "subscribed-queues-take-every-message"),
        (("ThankNewUsersErrors", types.ALARM), {"metricQueries": []}, "failures-raise-an-alarm"),
    ],
)
def test_a_consumer_s_resource_that_breaks_a_rule_is_found(
    stack: RecordedStack, resource: tuple[str, str], properties: dict[str, Any], rule: str
) -> None:
    assert rule in rules_broken_by(changed(guarded(stack), *resource, properties))


@pytest.mark.parametrize("queue", ["thank-new-users-queue", "thank-new-users-failure-queue"])
def test_a_queue_to_which_any_queue_may_redrive_is_found(stack: RecordedStack, queue: str) -> None:
    resources = without(guarded(stack), f"{queue}-sources", types.REDRIVE_ALLOW_POLICY)

    assert rules_broken_by(resources) == {"queues-name-who-redrives-to-them"}


@pytest.mark.parametrize("queue", ["thank-new-users-queue", "thank-new-users-failure-queue"])
def test_a_queue_that_refuses_the_topic_is_found(stack: RecordedStack, queue: str) -> None:
    resources = without(guarded(stack), queue, types.QUEUE_POLICY)

    assert "subscribed-queues-take-every-message" in rules_broken_by(resources)
