"""The role that the workflows check a stack with may do what `check` needs, and nothing else."""

import json
from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from local.state import clients_of
from ops.aws.services import Services
from ops.stack_outputs import LocalPoller, StackAccess
from tests.iam.test_operator_permissions import actions_of
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.ops_stack import answer, run_ops

USER = "checker"
POLICY = PROJECT_ROOT / ".github" / "aws" / "check-stack.json"
Statements = list[dict[str, Any]]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStack]:
    with running_local_stack(tmp_path_factory.mktemp("checkers")) as running:
        yield running


class Checker:
    """A user of the stack's account with the role's policy, or part of it."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._iam = clients_of(stack).iam
        self._iam.create_user(UserName=USER)
        key = self._iam.create_access_key(UserName=USER)["AccessKey"]
        self._keys = key["AccessKeyId"], key["SecretAccessKey"]

    def statements(self) -> Statements:
        """Return the statements of the role's policy in this stack."""
        text = POLICY.read_text(encoding="utf-8")
        names = {"REGION": self._stack.region, "ACCOUNT_ID": clients_of(self._stack).account_id, "ENVIRONMENT": "local"}
        for name, value in names.items():
            text = text.replace(name, value)
        return json.loads(text)["Statement"]

    def check(self, statements: Statements, within: int = 30) -> dict[str, Any]:
        """Run a check with these statements alone."""
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self._iam.put_user_policy(UserName=USER, PolicyName="check", PolicyDocument=document)
        access = StackAccess(
            outputs=self._stack.outputs,
            client_options={
                "endpoint_url": self._stack.endpoint_url,
                "aws_access_key_id": self._keys[0],
                "aws_secret_access_key": self._keys[1],
            },
            read_local_poller=lambda: LocalPoller(self._stack.poller_pid, running=True),
            source="--stack local",
        )
        return answer(run_ops(Services(access, profile=None), "check", "--json", "--within", str(within)))

    @property
    def clients(self) -> Clients:
        """The user's own clients."""
        return Clients(self._stack.endpoint_url, self._stack.region, *self._keys)


@pytest.fixture(scope="module")
def checker(stack: LocalStack) -> Checker:
    return Checker(stack)


def without(statements: Statements, action: str) -> Statements:
    """Return the statements without an action."""
    listed = [{**each, "Action": [each["Action"]]} if isinstance(each["Action"], str) else each for each in statements]
    kept = [{**each, "Action": [name for name in each["Action"] if name != action]} for each in listed]
    return [each for each in kept if each["Action"]]


def actions(statements: Statements) -> set[str]:
    found = [each["Action"] for each in statements]
    return {name for each in found for name in ([each] if isinstance(each, str) else each)}


@pytest.mark.local
def test_the_role_is_enough_and_without_any_action_the_check_says_which(checker: Checker) -> None:
    statements = checker.statements()
    passed = checker.check(statements)
    assert passed["passed"], passed

    for missing in sorted(actions(statements)):
        result = checker.check(without(statements, missing), within=10)
        text = json.dumps(result["steps"])
        assert not result["passed"], missing
        assert missing in text, (missing, text)
    after = checker.check(statements)
    assert after["passed"], after


@pytest.mark.local
def test_the_role_calls_no_route_that_the_check_does_not(checker: Checker) -> None:
    statements = checker.statements()
    (routes,) = (each["Resource"] for each in statements if each["Action"] == "execute-api:Invoke")
    others = [each for each in statements if each["Action"] != "execute-api:Invoke"]
    for route in routes:
        allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": [r for r in routes if r != route]}
        assert not checker.check([*others, allowed], within=10)["passed"], route
    after = checker.check(statements)
    assert after["passed"], after


@pytest.mark.local
def test_the_role_reads_no_other_table_and_no_queue(checker: Checker, stack: LocalStack) -> None:
    checker.check(checker.statements())
    table = stack.outputs.activity_table_name

    reads: list[Any] = [
        lambda: checker.clients.dynamodb.scan(TableName=stack.outputs.users_table_name),
        lambda: checker.clients.dynamodb.scan(TableName=table),
        lambda: checker.clients.sqs.receive_message(QueueUrl=stack.outputs.dead_letter_queue_url),
        lambda: checker.clients.lambda_.invoke(FunctionName=stack.outputs.manage_users_function_name),
    ]
    for read in reads:
        with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
            read()


def test_the_page_names_the_role_s_actions(checker: Checker) -> None:
    assert {"execute-api:Invoke"} | actions_of("`check`") | actions_of("`status`") == actions(checker.statements())
