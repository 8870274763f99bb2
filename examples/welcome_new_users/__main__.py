"""A subscriber to userstream's events: a rule on its bus, a queue, a function and a table.

A stack of its own. All that it knows of userstream are the outputs of the stack that it references,
and the form of the events (docs/events.md there).
"""

import json
from typing import Any

import pulumi
import pulumi_aws as aws

STACK = pulumi.get_stack()
TAGS = {"project": pulumi.get_project(), "environment": STACK, "managedBy": "pulumi"}
FUNCTION_SECONDS = 30
DAY_SECONDS = 24 * 60 * 60


def named(base: str) -> str:
    """Return a name that is this stack's own in the account."""
    return f"{base}-{STACK}"


def policy(*statements: dict[str, Any]) -> pulumi.Output[str]:
    """Return the JSON of a policy."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def queue(name: str, base: str, **settings: Any) -> aws.sqs.Queue:
    """Return an encrypted queue that keeps messages for SQS's longest time."""
    return aws.sqs.Queue(
        name,
        name=named(base),
        message_retention_seconds=14 * DAY_SECONDS,
        sqs_managed_sse_enabled=True,
        tags=TAGS,
        **settings,
    )


userstream = pulumi.StackReference(pulumi.Config().require("userstreamStack"))
bus = userstream.require_output("userEventsBusName")

# What the function gives up on, and what EventBridge can't deliver.
dead_letters = queue("dead-letters", "WelcomeNewUsersDeadLetterQueue")
registrations = queue(
    "registrations",
    "WelcomeNewUsersQueue",
    # Lambda's advice: six times the function's timeout, and at least five receives.
    visibility_timeout_seconds=6 * FUNCTION_SECONDS,
    redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": 5}),
)

# Without such a policy every queue of the account may redrive its messages to it.
for name, target, allowed in (
    ("registrations", registrations, {"redrivePermission": "denyAll"}),
    ("dead-letters", dead_letters, {"redrivePermission": "byQueue", "sourceQueueArns": [registrations.arn]}),
):
    aws.sqs.RedriveAllowPolicy(name, queue_url=target.url, redrive_allow_policy=pulumi.Output.json_dumps(allowed))

rule = aws.cloudwatch.EventRule(
    "registrations",
    name=named("WelcomeNewUsers"),
    description="Registrations, and deletions that may overtake them",
    event_bus_name=bus,
    event_pattern=json.dumps({"detail-type": ["UserRegistered", "UserDeleted"], "detail": {"schemaVersion": [1]}}),
    tags=TAGS,
)
for name, target in {"registrations": registrations, "dead-letters": dead_letters}.items():
    aws.sqs.QueuePolicy(
        name,
        queue_url=target.url,
        policy=policy(
            {
                "Sid": "TakeEvents",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": target.arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": rule.arn}},
            }
        ),
    )
aws.cloudwatch.EventTarget(
    "registrations",
    target_id="queue",
    event_bus_name=bus,
    rule=rule.name,
    arn=registrations.arn,
    # EventBridge tries for a day and 185 times by itself; then the event is here.
    dead_letter_config={"arn": dead_letters.arn},
)

welcomes = aws.dynamodb.Table(
    "welcomes",
    name=named("Welcomes"),
    billing_mode="PAY_PER_REQUEST",
    attributes=[{"name": "userId", "type": "S"}],
    hash_key="userId",
    tags=TAGS,
)

log_group = aws.cloudwatch.LogGroup(
    "welcome-new-users", name=f"/aws/lambda/{named('WelcomeNewUsers')}", retention_in_days=14, tags=TAGS
)
role = aws.iam.Role(
    "welcome-new-users",
    name=named("WelcomeNewUsers"),
    assume_role_policy=policy(
        {
            "Sid": "RunFunction",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
            # Lambda acts so for this account's functions alone.
            "Condition": {
                "StringEquals": {"aws:SourceAccount": registrations.arn.apply(lambda arn: arn.split(":")[4])}
            },
        }
    ),
    tags=TAGS,
)
role_policy = aws.iam.RolePolicy(
    "welcome-new-users",
    name=named("WelcomeNewUsers"),
    role=role.name,
    policy=policy(
        {
            "Sid": "ReceiveEvents",
            "Effect": "Allow",
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            "Resource": registrations.arn,
        },
        {"Sid": "Welcome", "Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": welcomes.arn},
        {
            "Sid": "WriteLog",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": pulumi.Output.concat(log_group.arn, ":*"),
        },
    ),
)
function = aws.lambda_.Function(
    "welcome-new-users",
    name=named("WelcomeNewUsers"),
    description="Welcomes each user once",
    role=role.arn,
    runtime="python3.14",
    architectures=["arm64"],
    handler="handler.handler",
    code=pulumi.FileArchive("./function"),
    memory_size=256,
    timeout=FUNCTION_SECONDS,
    environment={"variables": {"WELCOMES_TABLE": welcomes.name}},
    tags=TAGS,
    opts=pulumi.ResourceOptions(depends_on=[log_group, role_policy]),
)
aws.lambda_.EventSourceMapping(
    "registrations",
    event_source_arn=registrations.arn,
    function_name=function.arn,
    batch_size=10,
    function_response_types=["ReportBatchItemFailures"],
    tags=TAGS,
    opts=pulumi.ResourceOptions(depends_on=[role_policy]),
)

pulumi.export("ruleArn", rule.arn)
pulumi.export("queueUrl", registrations.url)
pulumi.export("deadLetterQueueUrl", dead_letters.url)
pulumi.export("welcomesTableName", welcomes.name)
pulumi.export("functionName", function.name)
