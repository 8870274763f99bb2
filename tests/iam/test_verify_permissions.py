"""docs/ops.md grants `verify` what it needs on each table and function, and nothing more."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from time import sleep
from typing import Any
from uuid import uuid4

import pytest

from infra.naming import PROJECT_ROOT
from local.deploy.iam import enforceable
from local.state import clients_of
from ops.aws.services import Services
from ops.errors import DeniedError, ExitCode, OpsError
from ops.job import Job
from ops.stack_outputs import StackAccess
from ops.users.findings import Finding
from ops.users.verify import Verify
from ops.users.verify_db import VerifyDb
from tests.support.local.local_stack import LocalStack
from tests.support.local.ops_stack import delete_unsupported_users, services_of

PAGE = (PROJECT_ROOT / "docs" / "ops.md").read_text(encoding="utf-8")

READS = [
    ("dynamodb:Scan", "Users"),
    ("dynamodb:Scan", "UserKeys"),
    ("dynamodb:Scan", "Activity"),
    ("dynamodb:BatchGetItem", "Users"),
    ("dynamodb:BatchGetItem", "UserKeys"),
    ("dynamodb:GetItem", "Users"),
    ("dynamodb:GetItem", "UserKeys"),
    ("dynamodb:PartiQLSelect", "Activity"),
    ("lambda:GetFunctionConfiguration", "log_user_changes"),
]
WRITES = [
    ("dynamodb:ConditionCheckItem", "Users"),
    ("dynamodb:PutItem", "UserKeys"),
    ("dynamodb:DeleteItem", "UserKeys"),
    ("dynamodb:BatchGetItem", "Activity"),
    ("lambda:InvokeFunction", "log_user_changes"),
]
IN_THE_EMULATOR = {"dynamodb:PartiQLSelect": "dynamodb:ExecuteStatement"}
"""Actions that it calls by the operation's name."""

STATUS = [
    "sqs:GetQueueAttributes",
    "dynamodb:DescribeTable",
    "cloudwatch:GetMetricData",
    "cloudwatch:DescribeAlarms",
    "lambda:ListEventSourceMappings",
]
"""What `status` needs, whose row has a test of its own."""


def rows() -> str:
    return "\n".join(re.findall(r"^\| `verify(?: --repair)?` \| (.+) \|$", PAGE, re.MULTILINE))


def test_the_page_names_these_actions_and_no_others() -> None:
    assert set(re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", rows())) == {action for action, _ in [*READS, *WRITES]}


class Operator:
    """A user of the stack's account, allowed what a test says."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._iam = clients_of(stack).iam
        self._name = f"operator-{uuid4().hex[:8]}"
        self._iam.create_user(UserName=self._name)
        self._key = self._iam.create_access_key(UserName=self._name)["AccessKey"]
        outputs = stack.outputs
        table = "arn:aws:dynamodb:*:*:table/"
        self._resources = {
            "Users": table + outputs.users_table_name,
            "UserKeys": table + outputs.user_keys_table_name,
            "Activity": table + outputs.activity_table_name,
            "log_user_changes": f"arn:aws:lambda:*:*:function:{outputs.log_user_changes_function_name}:live",
        }

    def allowed(self, actions: Sequence[tuple[str, str]]) -> Services:
        statements: list[Any] = [{"Effect": "Allow", "Action": STATUS, "Resource": "*"}]
        statements += [
            {
                "Effect": "Allow",
                "Action": [action, IN_THE_EMULATOR.get(action, action)],
                # A statement names its table in its text, where the emulator doesn't look.
                "Resource": "*" if action in IN_THE_EMULATOR else self._resources[where],
            }
            for action, where in actions
        ]
        document = enforceable(json.dumps({"Version": "2012-10-17", "Statement": statements}))
        self._iam.put_user_policy(UserName=self._name, PolicyName="p", PolicyDocument=document)
        options = {
            "endpoint_url": self._stack.endpoint_url,
            "aws_access_key_id": self._key["AccessKeyId"],
            "aws_secret_access_key": self._key["SecretAccessKey"],
        }
        poller = services_of(self._stack).read_local_poller
        access = StackAccess(
            outputs=self._stack.outputs, client_options=options, source="--stack local", read_local_poller=poller
        )
        return Services(access, profile=None)


def leave_problems(stack: LocalStack) -> None:
    """Leave a user without key and, since it can't be in the stream, without history; and a key."""
    dynamodb, outputs = clients_of(stack).dynamodb, stack.outputs
    user_id = f"imported {uuid4().hex}"
    item: Any = {"userId": {"S": user_id}, "email": {"S": f"{uuid4().hex}@example.com"}}
    dynamodb.put_item(TableName=outputs.users_table_name, Item=item)
    key: Any = {"key": {"S": f"email#{uuid4().hex}@example.com"}, "userId": {"S": "nobody"}}
    dynamodb.put_item(TableName=outputs.user_keys_table_name, Item=key)
    for _ in range(100):
        answer = dynamodb.query(
            TableName=outputs.activity_table_name,
            KeyConditionExpression="userId = :user",
            ExpressionAttributeValues={":user": {"S": user_id}},
        )
        for change in answer["Items"]:
            place: Any = {"userId": change["userId"], "changeId": change["changeId"]}
            dynamodb.delete_item(TableName=outputs.activity_table_name, Key=place)
        if answer["Items"]:
            return
        sleep(0.1)
    raise AssertionError("the user never came into the history")


def verify(services: Services, folder: Path) -> tuple[ExitCode | None, OpsError | None, list[Finding]]:
    progress = VerifyDb(folder / f"{uuid4().hex}.sqlite")
    try:
        report = Verify(services, progress, Job(), items_per_second=1e9, repair=True).run()
    finally:
        progress.close(delete=True)
    return None if report.error is None else report.error.exit_code, report.error, report.findings


@pytest.mark.local
def test_it_needs_these_actions_and_no_others(
    local_stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.users.verify.LOCAL_SETTLE_SECONDS", 1)
    operator = Operator(local_stack)
    delete_unsupported_users(local_stack)
    every = [*READS, *WRITES]
    leave_problems(local_stack)
    # The emulator looks at the action alone, not at the table.
    for missing in dict.fromkeys(action for action, _ in every):
        leave_problems(local_stack)
        _, error, _ = verify(operator.allowed([one for one in every if one[0] != missing]), tmp_path)
        assert isinstance(error, DeniedError), (missing, error)
        assert IN_THE_EMULATOR.get(missing, missing) in error.message, missing

    assert verify(operator.allowed(every), tmp_path) == (None, None, [])
