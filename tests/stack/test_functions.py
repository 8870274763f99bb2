import json
from typing import Any

import pytest

from infra.consumers import CONSUMERS
from infra.settings.types import NEWEST_RUNTIME
from tests.support.stack.guarded_stack import ALL, findings, guarded
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import record

FUNCTION = "aws:lambda/function:Function"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"

DYNAMODB = "arn:aws:dynamodb:eu-west-1:123456789012:table"
USERS = f"{DYNAMODB}/Users-dev"
USER_KEYS = f"{DYNAMODB}/UserKeys-dev"
ACTIVITY = f"{DYNAMODB}/Activity-dev"
STREAM = f"{USERS}/stream/2026-01-01T00:00:00.000"
ACTIVITY_STREAM = f"{ACTIVITY}/stream/2026-01-01T00:00:00.000"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:UserChanges-dev.fifo"
SQS = "arn:aws:sqs:eu-west-1:123456789012"
SQS_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012"
BUCKET = "userstream-failures-dev-euw1-123456789012"

FUNCTIONS = {
    "register-user": "RegisterUserFunction-dev",
    "manage-users": "ManageUsersFunction-dev",
    "log-user-changes": "LogUserChangesFunction-dev",
    "fan-out-user-changes": "FanOutUserChangesFunction-dev",
    "rescue-failed-batches": "RescueFailedBatchesFunction-dev",
}


def allow(sid: str, actions: list[str], *resources: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(resources)}


def write_own_log(function: str) -> dict[str, Any]:
    group = f"arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/{function}:*"
    return allow("WriteOwnLog", ["logs:CreateLogStream", "logs:PutLogEvents"], group)


KEEP_FAILED_RECORDS = [
    allow("KeepFailedRecords", ["sqs:SendMessage"], f"{SQS}:UserChangesDeadLetterQueue-dev"),
    allow("KeepLargeFailedRecords", ["s3:PutObject"], f"arn:aws:s3:::{BUCKET}/*"),
]

STATEMENTS = {
    "register-user": [
        allow("StoreUserAndKeys", ["dynamodb:PutItem"], USERS, USER_KEYS),
    ],
    "manage-users": [
        allow("ReadAndChangeUsers", ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], USERS),
        allow("MoveUserKeys", ["dynamodb:PutItem", "dynamodb:DeleteItem"], USER_KEYS),
        allow("FindUsers", ["dynamodb:GetItem"], USER_KEYS),
        allow("ListUsers", ["dynamodb:Scan"], USERS),
        allow("ReadActivityAndNoteDeletions", ["dynamodb:Query", "dynamodb:PutItem"], ACTIVITY),
    ],
    "log-user-changes": [
        allow(
            "ReadUsersStream",
            ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
            STREAM,
        ),
        allow("FindUsersStream", ["dynamodb:ListStreams"], "*"),
        allow("WriteActivity", ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"], ACTIVITY),
        allow("CheckUsers", ["dynamodb:ConditionCheckItem"], USERS),
        allow("FreeKeys", ["dynamodb:DeleteItem"], USER_KEYS),
        allow("LimitHistories", ["dynamodb:Query", "dynamodb:PutItem"], ACTIVITY),
        allow("SendPointers", ["sqs:SendMessage"], f"{SQS}:UserChangesFailureQueue-dev"),
        *KEEP_FAILED_RECORDS,
    ],
    "fan-out-user-changes": [
        allow(
            "ReadActivityStream",
            ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
            ACTIVITY_STREAM,
        ),
        allow("FindActivityStream", ["dynamodb:ListStreams"], "*"),
        allow("PublishUserChanges", ["sns:Publish"], TOPIC),
        allow("ReadActivity", ["dynamodb:BatchGetItem"], ACTIVITY),
        allow("SendPointers", ["sqs:SendMessage"], f"{SQS}:UserChangesFailureQueue-dev"),
        *KEEP_FAILED_RECORDS,
    ],
    "rescue-failed-batches": [
        allow(
            "ReceivePointers",
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            f"{SQS}:UserChangesFailureQueue-dev",
            *(f"{SQS}:{consumer.failure_queue_name('dev')}" for consumer in CONSUMERS if consumer.has_queue),
        ),
        allow("ReadUsersStream", ["dynamodb:GetRecords", "dynamodb:GetShardIterator"], STREAM),
        allow("ReadActivityStream", ["dynamodb:GetRecords", "dynamodb:GetShardIterator"], ACTIVITY_STREAM),
        allow("ReadActivity", ["dynamodb:BatchGetItem"], ACTIVITY),
        *KEEP_FAILED_RECORDS,
    ],
}

FAILED_RECORD_VARIABLES = {
    "DEAD_LETTER_QUEUE_URL": f"{SQS_URL}/UserChangesDeadLetterQueue-dev",
    "FAILED_RECORDS_BUCKET": BUCKET,
}

VARIABLES = {
    "register-user": {"USERS_TABLE": "Users-dev", "USER_KEYS_TABLE": "UserKeys-dev"},
    "manage-users": {
        "USERS_TABLE": "Users-dev",
        "USER_KEYS_TABLE": "UserKeys-dev",
        "ACTIVITY_TABLE": "Activity-dev",
        "ACTIVITY_RETENTION_DAYS": "30",
    },
    "log-user-changes": {
        "ACTIVITY_TABLE": "Activity-dev",
        "USERS_TABLE": "Users-dev",
        "USER_KEYS_TABLE": "UserKeys-dev",
        "ACTIVITY_RETENTION_DAYS": "30",
        "DELETED_USER_HISTORY_DAYS": "7",
        "MASK_PERSONAL_DATA": "false",
        **FAILED_RECORD_VARIABLES,
    },
    "fan-out-user-changes": {
        "USER_CHANGES_TOPIC_ARN": TOPIC,
        "ACTIVITY_TABLE": "Activity-dev",
        **FAILED_RECORD_VARIABLES,
    },
    "rescue-failed-batches": {
        "USERS_TABLE": "Users-dev",
        "ACTIVITY_TABLE": "Activity-dev",
        **FAILED_RECORD_VARIABLES,
    },
}


def test_these_and_the_consumers_are_all_functions() -> None:
    functions = {resource.name for resource in record("dev").of_type(FUNCTION)}

    assert functions == {*FUNCTIONS, *(consumer.logical_name for consumer in CONSUMERS)}
    assert len(record("dev").of_type(ROLE)) == len(record("dev").of_type(ROLE_POLICY)) == len(functions)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_s_policy_has_exactly_these_statements(name: str) -> None:
    assert record("dev").statements(name) == [write_own_log(FUNCTIONS[name]), *STATEMENTS[name]]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_belongs_to_one_function_and_only_lambda_assumes_it(name: str) -> None:
    stack = record("dev")
    role = stack.only(ROLE, f"{name}-role")

    assert role.inputs["name"] == f"{FUNCTIONS[name]}-eu-west-1"
    assert role.json("assumeRolePolicy") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "LambdaRunsAsThisRole",
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": ["sts:AssumeRole"],
                "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
            }
        ],
    }
    assert stack.only(ROLE_POLICY, f"{name}-policy").inputs["role"] == f"{FUNCTIONS[name]}-eu-west-1"
    assert stack.only(FUNCTION, name).inputs["role"] == f"arn:aws:iam::123456789012:role/{role.inputs['name']}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_its_variables_and_the_environment_s_name(name: str) -> None:
    function = record("dev").only(FUNCTION, name)

    assert function.inputs["environment"] == {"variables": {"ENVIRONMENT": "dev", **VARIABLES[name]}}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_depends_on_its_log_group_and_its_policy(name: str) -> None:
    stack = record("dev")
    log_group = stack.only(LOG_GROUP, f"{name}-log")
    policy = stack.only(ROLE_POLICY, f"{name}-policy")

    assert log_group.inputs["name"] == f"/aws/lambda/{FUNCTIONS[name]}"
    assert log_group.inputs["retentionInDays"] == 14
    assert {log_group.urn, policy.urn} <= stack.only(FUNCTION, name).options.depends_on


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_s_alias_says_which_published_version_is_live(name: str) -> None:
    stack = record("dev")

    assert stack.only(FUNCTION, name).inputs["publish"] is True
    alias = stack.only("aws:lambda/alias:Alias", f"{name}-live").inputs
    assert alias == {"name": "live", "functionName": FUNCTIONS[name], "functionVersion": "1"}


def test_where_traffic_is_shifted_the_program_leaves_the_alias_to_the_command() -> None:
    shifting = {"userstream:trafficShiftPercent": "10", "userstream:trafficShiftMinutes": "5"}
    stack = record("dev", config=own_config("dev") | shifting)

    left = {each.options.ignore_changes for each in stack.of_type("aws:lambda/alias:Alias")}
    assert left == {frozenset({"description", "functionVersion", "routingConfig"})}
    assert (stack.outputs["trafficShiftPercent"], stack.outputs["trafficShiftMinutes"]) == (10, 5)
    assert not any(each.options.ignore_changes for each in record("dev").of_type("aws:lambda/alias:Alias"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_runs_the_newest_python_on_arm64(name: str) -> None:
    inputs = record("dev").only(FUNCTION, name).inputs
    folder = name.replace("-", "_")

    assert inputs["name"] == FUNCTIONS[name]
    assert inputs["runtime"] == NEWEST_RUNTIME
    assert inputs["architectures"] == ["arm64"]
    assert inputs["handler"] == f"functions.{folder}.handler.handler"
    assert inputs["code"].path.endswith(f"/.build/lambda/{folder}.zip")


def test_every_function_runs_what_the_setting_says() -> None:
    stack = record("dev", config={**own_config("dev"), "userstream:functionRuntime": "python3.13"})

    assert {function.inputs["runtime"] for function in stack.of_type(FUNCTION)} == {"python3.13"}
    assert [str(finding) for finding in findings(ALL, guarded(stack))] == []


def test_memory_and_timeout_come_from_the_settings() -> None:
    stack = record("dev")

    sizes = {name: stack.only(FUNCTION, name).inputs for name in FUNCTIONS}
    assert {name: (size["memorySize"], size["timeout"]) for name, size in sizes.items()} == {
        "register-user": (512, 15),
        "manage-users": (512, 15),
        "log-user-changes": (256, 60),
        "fan-out-user-changes": (256, 60),
        "rescue-failed-batches": (256, 60),
    }


def test_a_role_s_statement_has_a_wildcard_only_if_the_action_takes_no_resource() -> None:
    for stack in map(record, ("dev", "prod", "local")):
        for policy in stack.of_type(ROLE_POLICY):
            for statement in json.loads(policy.inputs["policy"])["Statement"]:
                assert not any("*" in action for action in statement["Action"])
                if statement["Action"] != ["dynamodb:ListStreams"]:
                    assert "*" not in statement["Resource"]


def test_tracing_is_off_and_costs_no_permission_unless_it_is_set() -> None:
    for config in (own_config("dev"), {**own_config("dev"), "userstream:tracing": "false"}):
        stack = record("dev", config=config)

        # Stated, or a function that was traced once would stay so.
        modes = {each.inputs["tracingConfig"]["mode"] for each in stack.of_type(FUNCTION)}
        assert modes == {"PassThrough"}
        assert not any("xray:" in each.inputs["policy"] for each in stack.of_type(ROLE_POLICY))


def test_tracing_is_active_in_every_function_with_exactly_what_lambda_needs() -> None:
    stack = record("dev", config={**own_config("dev"), "userstream:tracing": "true"})

    for function in stack.of_type(FUNCTION):
        assert function.inputs["tracingConfig"] == {"mode": "Active"}
        without = record("dev").statements(function.name)
        added = [statement for statement in stack.statements(function.name) if statement not in without]
        assert added == [allow("SendTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")]
    assert findings(ALL, guarded(stack)) == []
