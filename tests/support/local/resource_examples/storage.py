"""Examples of tables, buckets, queues and topics."""

import json

from tests.support.local.resource_examples.example import BUCKET, QUEUE, TABLE, TAGS, TOPIC, Example, Examples


def statement(action: str, resource: str) -> str:
    """Return a resource's policy with one statement."""
    account = {"AWS": "arn:aws:iam::000000000000:root"}
    allowed = {"Effect": "Allow", "Action": action, "Resource": resource, "Principal": account}
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})


STORAGE: Examples = {
    TABLE: lambda _: Example(
        {
            "name": "Users",
            "billingMode": "PAY_PER_REQUEST",
            "attributes": [{"name": "userId", "type": "S"}, {"name": "changeId", "type": "S"}],
            "hashKey": "userId",
            "rangeKey": "changeId",
            "streamEnabled": True,
            "streamViewType": "NEW_AND_OLD_IMAGES",
            "ttl": {"attributeName": "expiresAt", "enabled": True},
            "deletionProtectionEnabled": False,
            "pointInTimeRecovery": {"enabled": False},
            "onDemandThroughput": {"maxWriteRequestUnits": 10_000},
            "tags": TAGS,
        },
        {
            "onDemandThroughput": {"maxWriteRequestUnits": 12_000},
            "warmThroughput": {"writeUnitsPerSecond": 8000},
            "pointInTimeRecovery": {"enabled": True},
            "streamViewType": "KEYS_ONLY",
            "tags": {"only": "this"},
        },
    ),
    BUCKET: lambda _: Example(
        {"bucket": "userstream-example", "forceDestroy": True, "tags": TAGS}, {"tags": {"only": "this"}}
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": lambda dependencies: Example(
        {
            "bucket": dependencies.get(BUCKET)["bucket"],
            "rules": [{"id": "expire", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 15}}],
        },
        {"rules": [{"id": "expire", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 3}}]},
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": lambda dependencies: Example(
        {
            "bucket": dependencies.get(BUCKET)["bucket"],
            "key": "config.json",
            "content": "{}",
            "contentType": "application/json",
            "cacheControl": "no-store",
        },
        {"content": '{"environment": "test"}', "cacheControl": "no-cache"},
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": lambda dependencies: Example(
        {"bucket": dependencies.get(BUCKET)["bucket"], "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": lambda dependencies: Example(
        {
            "bucket": dependencies.get(BUCKET)["bucket"],
            "policy": statement("s3:GetObject", f"{dependencies.get(BUCKET)['arn']}/*"),
        },
        {"policy": statement("s3:PutObject", f"{dependencies.get(BUCKET)['arn']}/*")},
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": lambda dependencies: Example(
        {
            "bucket": dependencies.get(BUCKET)["bucket"],
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        {"ignorePublicAcls": False},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": lambda dependencies: (
        Example(
            {
                "bucket": dependencies.get(BUCKET)["bucket"],
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
            },
            {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
        )
    ),
    "aws:s3/bucketVersioning:BucketVersioning": lambda dependencies: Example(
        {"bucket": dependencies.get(BUCKET)["bucket"], "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
    ),
    TOPIC: lambda _: Example(
        {
            "name": "UserChanges.fifo",
            "fifoTopic": True,
            "fifoThroughputScope": "MessageGroup",
            "contentBasedDeduplication": False,
            "displayName": "Changes",
            "tags": TAGS,
        },
        {"contentBasedDeduplication": True, "fifoThroughputScope": "Topic", "displayName": "All changes"},
    ),
    "aws:sns/topicPolicy:TopicPolicy": lambda dependencies: Example(
        {
            "arn": dependencies.get(TOPIC)["arn"],
            "policy": statement("sns:Publish", str(dependencies.get(TOPIC)["arn"])),
        },
        {"policy": statement("sns:Subscribe", str(dependencies.get(TOPIC)["arn"]))},
    ),
    "aws:sns/topicSubscription:TopicSubscription": lambda dependencies: Example(
        {
            "topic": dependencies.get(TOPIC)["arn"],
            "protocol": "sqs",
            "endpoint": dependencies.get(QUEUE)["arn"],
            "rawMessageDelivery": True,
            "filterPolicy": json.dumps({"kind": ["ADDED"]}),
            "filterPolicyScope": "MessageAttributes",
            "redrivePolicy": json.dumps({"deadLetterTargetArn": dependencies.get(QUEUE)["arn"]}),
        },
        {"rawMessageDelivery": False, "filterPolicy": json.dumps({"kind": ["DELETED"]}), "redrivePolicy": None},
    ),
    QUEUE: lambda _: Example(
        {
            "name": "WelcomeNewUsersQueue.fifo",
            "fifoQueue": True,
            "contentBasedDeduplication": False,
            "deduplicationScope": "messageGroup",
            "fifoThroughputLimit": "perMessageGroupId",
            "messageRetentionSeconds": 1209600,
            "maxMessageSize": 1048576,
            "sqsManagedSseEnabled": True,
            "visibilityTimeoutSeconds": 360,
            "tags": TAGS,
        },
        {
            "contentBasedDeduplication": True,
            "messageRetentionSeconds": 86400,
            "visibilityTimeoutSeconds": None,
            "tags": {"only": "this"},
        },
    ),
    "aws:sqs/queuePolicy:QueuePolicy": lambda dependencies: Example(
        {
            "queueUrl": dependencies.get(QUEUE)["url"],
            "policy": statement("sqs:SendMessage", str(dependencies.get(QUEUE)["arn"])),
        },
        {"policy": statement("sqs:ReceiveMessage", str(dependencies.get(QUEUE)["arn"]))},
    ),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": lambda dependencies: Example(
        {
            "queueUrl": dependencies.get(QUEUE)["url"],
            "redriveAllowPolicy": json.dumps(
                {
                    "redrivePermission": "byQueue",
                    "sourceQueueArns": [dependencies.get(QUEUE)["arn"]],
                }
            ),
        },
        {"redriveAllowPolicy": json.dumps({"redrivePermission": "denyAll"})},
    ),
    "aws:sqs/redrivePolicy:RedrivePolicy": lambda dependencies: Example(
        {
            "queueUrl": dependencies.get(QUEUE)["url"],
            "redrivePolicy": json.dumps(
                {
                    "deadLetterTargetArn": dependencies.get(QUEUE)["arn"],
                    "maxReceiveCount": 5,
                }
            ),
        },
        {"redrivePolicy": json.dumps({"deadLetterTargetArn": dependencies.get(QUEUE)["arn"], "maxReceiveCount": 3})},
    ),
}
