import json
from typing import Any

import pytest

from infra.consumers import CONSUMERS
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import RecordedResource, RecordedStack, record

MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
QUEUE = "aws:sqs/queue:Queue"
SQS = "arn:aws:sqs:eu-west-1:123456789012"
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/Users-dev/stream/2026-01-01T00:00:00.000"
ACTIVITY_STREAM = STREAM.replace("Users-dev", "Activity-dev")
BUCKET = "userstream-failures-dev-euw1-123456789012"
FOURTEEN_DAYS = 14 * 24 * 60 * 60


def test_the_stream_s_mapping_sends_every_failed_batch_to_the_failure_queue() -> None:
    mapping = record("dev").only(MAPPING, "users-stream")

    assert mapping.inputs == {
        "eventSourceArn": STREAM,
        "functionName": "arn:aws:lambda:eu-west-1:123456789012:function:LogUserChangesFunction-dev:live",
        "startingPosition": "TRIM_HORIZON",
        "batchSize": 100,
        "maximumBatchingWindowInSeconds": 0,
        "parallelizationFactor": 1,
        "maximumRetryAttempts": 3,
        "maximumRecordAgeInSeconds": 3600,
        "bisectBatchOnFunctionError": True,
        "functionResponseTypes": ["ReportBatchItemFailures"],
        "destinationConfig": {"onFailure": {"destinationArn": f"{SQS}:UserChangesFailureQueue-dev"}},
        "metricsConfig": {"metrics": ["EventCount"]},
        "tags": {"project": "userstream", "environment": "dev", "managedBy": "pulumi"},
    }


def test_activity_s_mapping_delivers_added_items_in_order_to_the_fan_out() -> None:
    config = {**own_config("dev"), "userstream:streamParallelizationFactor": "10"}
    stack = record("dev", config=config)
    users, activity = stack.only(MAPPING, "users-stream"), stack.only(MAPPING, "activity-stream")

    assert activity.inputs == {
        **users.inputs,
        "eventSourceArn": ACTIVITY_STREAM,
        "functionName": "arn:aws:lambda:eu-west-1:123456789012:function:FanOutUserChangesFunction-dev:live",
        "filterCriteria": {
            "filters": [
                {
                    "pattern": '{"eventName":["INSERT"],'
                    '"dynamodb":{"NewImage":{"kind":{"S":["ADDED","UPDATED","DELETED"]}}}}'
                }
            ]
        },
        # A user's changes are many items, whose order concurrent batches of a shard don't keep.
        "parallelizationFactor": 1,
    }


def test_the_topic_keeps_each_user_s_order_without_a_limit_over_all_users() -> None:
    stack = record("dev")

    assert stack.only("aws:sns/topic:Topic", "user-changes").inputs == {
        "name": "UserChanges-dev.fifo",
        "fifoTopic": True,
        "fifoThroughputScope": "MessageGroup",
        "contentBasedDeduplication": False,
        "tags": {"project": "userstream", "environment": "dev", "managedBy": "pulumi"},
    }
    assert stack.only("aws:sns/topicPolicy:TopicPolicy", "user-changes").json("policy")["Statement"] == [
        {**deny_unencrypted("sns", stack.outputs["userChangesTopicArn"]), "Action": ["sns:Publish"]}
    ]


@pytest.mark.parametrize(
    ("mapping", "policy"),
    [
        ("users-stream", "log-user-changes-policy"),
        ("activity-stream", "fan-out-user-changes-policy"),
        ("failure-queue", "rescue-failed-batches-policy"),
    ],
)
def test_a_mapping_depends_on_the_role_s_policy_and_is_deleted_before_it_is_replaced(mapping: str, policy: str) -> None:
    stack = record("dev")
    options = stack.only(MAPPING, mapping).options

    assert stack.only("aws:iam/rolePolicy:RolePolicy", policy).urn in options.depends_on
    assert options.delete_before_replace


def test_the_rescue_receives_ten_pointers_at_a_time_and_reports_each_failure() -> None:
    inputs = record("dev").only(MAPPING, "failure-queue").inputs

    assert inputs["eventSourceArn"] == f"{SQS}:UserChangesFailureQueue-dev"
    assert inputs["functionName"].endswith(":function:RescueFailedBatchesFunction-dev:live")
    assert inputs["batchSize"] == 10
    assert inputs["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert inputs["scalingConfig"] == {"maximumConcurrency": 2}


def queues() -> dict[str, RecordedResource]:
    return {queue.name: queue for queue in record("dev").of_type(QUEUE)}


@pytest.mark.parametrize(
    ("name", "physical_name"),
    [
        ("failure-queue", "UserChangesFailureQueue-dev"),
        ("failure-redrive-queue", "UserChangesFailureRedriveQueue-dev"),
        ("dead-letter-queue", "UserChangesDeadLetterQueue-dev"),
    ],
)
def test_a_queue_is_encrypted_and_keeps_messages_of_the_maximum_size_for_fourteen_days(
    name: str, physical_name: str
) -> None:
    inputs = queues()[name].inputs

    assert inputs["name"] == physical_name
    assert inputs["sqsManagedSseEnabled"] is True
    assert inputs["messageRetentionSeconds"] == FOURTEEN_DAYS
    assert inputs["maxMessageSize"] == 1024 * 1024


def test_a_pointer_that_the_rescue_keeps_failing_goes_to_the_redrive_queue() -> None:
    stack = record("dev")
    failure = queues()["failure-queue"]

    assert failure.json("redrivePolicy") == {
        "deadLetterTargetArn": f"{SQS}:UserChangesFailureRedriveQueue-dev",
        "maxReceiveCount": 5,
    }
    allowed = stack.only("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "failure-redrive-queue-sources")
    assert allowed.inputs["queueUrl"].endswith("/UserChangesFailureRedriveQueue-dev")
    assert allowed.json("redriveAllowPolicy") == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"{SQS}:UserChangesFailureQueue-dev"],
    }


@pytest.mark.parametrize("name", ["dead-letter-queue", "failure-queue"])
def test_no_queue_redrives_to_the_others(name: str) -> None:
    allowed = record("dev").only("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", f"{name}-sources")

    assert allowed.inputs["queueUrl"].endswith(f"/{queues()[name].inputs['name']}")
    assert allowed.json("redriveAllowPolicy") == {"redrivePermission": "denyAll"}


@pytest.mark.parametrize("stack_name", ["dev", "prod", "local"])
def test_only_functions_that_fail_may_send_to_the_queues_of_failures(stack_name: str) -> None:
    """And no function to a consumer's queue: its topic alone may, by the queue's policy."""
    stack = record(stack_name)
    senders: dict[str, set[str]] = {}
    for policy in stack.of_type("aws:iam/rolePolicy:RolePolicy"):
        for statement in policy.json("policy")["Statement"]:
            if "sqs:SendMessage" in statement["Action"]:
                for queue in statement["Resource"]:
                    senders.setdefault(queue.rpartition(":")[2], set()).add(policy.name.removesuffix("-policy"))
    streams = {"log-user-changes", "fan-out-user-changes"}
    functions = {function.name for function in stack.of_type("aws:lambda/function:Function")}

    assert senders == {
        f"UserChangesFailureQueue-{stack_name}": streams,
        f"UserChangesDeadLetterQueue-{stack_name}": {
            *({consumer.logical_name for consumer in CONSUMERS} & functions),
            "rescue-failed-batches",
        },
    }


def test_nothing_consumes_the_dead_letter_queue_automatically() -> None:
    stack = record("dev")

    assert "redrivePolicy" not in queues()["dead-letter-queue"].inputs
    sources = {mapping.inputs["eventSourceArn"] for mapping in stack.of_type(MAPPING)}
    assert f"{SQS}:UserChangesDeadLetterQueue-dev" not in sources


@pytest.mark.parametrize("stack_name", ["dev", "prod", "local"])
def test_the_visibility_timeout_is_six_timeouts_of_the_rescue(stack_name: str) -> None:
    stack = record(stack_name)
    timeout = stack.only("aws:lambda/function:Function", "rescue-failed-batches").inputs["timeout"]

    assert stack.only(QUEUE, "failure-queue").inputs["visibilityTimeoutSeconds"] >= 6 * timeout


def deny_unencrypted(service: str, *resources: str) -> dict[str, Any]:
    return {
        "Sid": "DenyUnencryptedTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": [f"{service}:*"],
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


@pytest.mark.parametrize(
    ("name", "physical_name"),
    [
        ("failure-queue", "UserChangesFailureQueue-dev"),
        ("failure-redrive-queue", "UserChangesFailureRedriveQueue-dev"),
        ("dead-letter-queue", "UserChangesDeadLetterQueue-dev"),
    ],
)
def test_a_queue_s_policy_only_denies_requests_without_tls(name: str, physical_name: str) -> None:
    policy = record("dev").only("aws:sqs/queuePolicy:QueuePolicy", name)

    assert policy.inputs["queueUrl"].endswith(f"/{physical_name}")
    assert policy.json("policy")["Statement"] == [deny_unencrypted("sqs", f"{SQS}:{physical_name}")]


def test_the_bucket_for_large_records_is_private_encrypted_and_requires_tls() -> None:
    stack = record("dev")

    def only(kind: str) -> dict[str, Any]:
        return stack.only(f"aws:s3/{kind}", "failed-records").inputs

    assert only("bucket:Bucket")["bucket"] == BUCKET
    assert only("bucketPublicAccessBlock:BucketPublicAccessBlock") == {
        "bucket": BUCKET,
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    assert only("bucketOwnershipControls:BucketOwnershipControls")["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    encryption = only("bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
    assert encryption["rules"] == [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    arn = f"arn:aws:s3:::{BUCKET}"
    policy = json.loads(only("bucketPolicy:BucketPolicy")["policy"])
    assert policy["Statement"] == [deny_unencrypted("s3", arn, f"{arn}/*")]


def test_an_object_outlives_the_message_that_names_it() -> None:
    stack = record("dev")
    (lifecycle,) = stack.of_type("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")

    (rule,) = lifecycle.inputs["rules"]
    assert (rule["status"], rule["filter"]) == ("Enabled", {"prefix": ""})
    retention = queues()["dead-letter-queue"].inputs["messageRetentionSeconds"]
    assert rule["expiration"]["days"] * 24 * 60 * 60 > retention


def test_an_object_that_is_replaced_or_deleted_outlives_its_message_too() -> None:
    stack = record("dev")
    (lifecycle,) = stack.of_type("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
    (versioning,) = stack.of_type("aws:s3/bucketVersioning:BucketVersioning")

    (rule,) = lifecycle.inputs["rules"]
    assert versioning.inputs == {"bucket": BUCKET, "versioningConfiguration": {"status": "Enabled"}}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": rule["expiration"]["days"]}


def test_prod_protects_the_queues_and_the_bucket_of_failed_records() -> None:
    stack = record("prod")
    held = [*stack.of_type(QUEUE), stack.only("aws:s3/bucket:Bucket", "failed-records")]

    assert all(resource.options.protect for resource in held)
    assert stack.only("aws:s3/bucket:Bucket", "failed-records").inputs["forceDestroy"] is False
    assert record("dev").only("aws:s3/bucket:Bucket", "failed-records").inputs["forceDestroy"] is True


def test_the_local_stack_has_no_policy_that_requires_tls() -> None:
    def tls_policies(stack: RecordedStack) -> list[str]:
        return [resource.urn for resource in stack.resources if "DenyUnencryptedTransport" in str(resource.inputs)]

    assert tls_policies(record("local")) == []
    of_consumers = 2 * len([consumer for consumer in CONSUMERS if consumer.has_queue])
    assert len(tls_policies(record("dev"))) == 6 + of_consumers
