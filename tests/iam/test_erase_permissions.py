"""docs/ops.md grants `person erase` what it needs, and nothing that it doesn't."""

from collections.abc import Generator
from pathlib import Path
from uuid import uuid4

import pytest

from local.state import clients_of
from ops.aws.services import Services
from ops.errors import DeniedError, ExitCode
from ops.job import STATE_VARIABLE, Job
from ops.person.erase import Erasure, ErasureReport
from tests.iam.test_operator_permissions import Operator, actions_of, policy_of_page, queue_names
from tests.support.local.erasure import HasteClock, dont_wait, leave_failures
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.mapped_function import eventually
from tests.support.local.ops_stack import answer, run_ops
from tests.support.local.users_over_http import UsersOverHttp, person, root_signer

ROW = "`person erase`"
OF_THE_SEARCH = {"dynamodb:BatchGetItem"}
"""`person find` needs it: which user an email leads to."""
OF_THE_LIST = {"dynamodb:DescribeContinuousBackups", "logs:DescribeLogGroups", "events:DescribeArchive"}
"""Needed to say until when the rest stays."""
OF_THE_DELETED = {"dynamodb:ConditionCheckItem"}
"""Needed for a user who is deleted already."""
EITHER = {"s3:GetObject", "s3:GetObjectVersion"}
"""Which of the two a read of an object's version needs, the emulator sees otherwise than AWS."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStack]:
    with running_local_stack(tmp_path_factory.mktemp("erasers")) as running:
        yield running


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))


def leave_person(stack: LocalStack) -> str:
    """Leave somebody's data in each place, and no message in flight; return the id."""
    clients, outputs = clients_of(stack), stack.outputs
    for name in queue_names(stack):
        url = f"{outputs.failure_queue_url.rpartition('/')[0]}/{name}"
        clients.sqs.purge_queue(QueueUrl=url)
    users = UsersOverHttp(stack, root_signer(stack))
    user_id = users.registered(person(), uuid4().hex)
    eventually(lambda: users.activity(user_id), lambda changes: len(changes) == 1)
    leave_failures(stack, user_id, "Eve")
    leave_failures(stack, "another user", "Adam")  # whose messages are to be released
    return user_id


def erase(services: Services, user_id: str) -> ErasureReport:
    clock = HasteClock()
    return Erasure(services, user_id, Job(now=clock.now, sleep=clock.sleep)).run()


@pytest.mark.local
def test_erasing_needs_the_actions_of_its_row_and_no_other(stack: LocalStack) -> None:
    operator, actions = Operator(stack), actions_of(ROW)
    assert actions > OF_THE_SEARCH | OF_THE_LIST | OF_THE_DELETED | EITHER
    for missing in sorted(actions - OF_THE_SEARCH - OF_THE_LIST - OF_THE_DELETED - EITHER):
        report = erase(operator.services_of(actions - {missing}), leave_person(stack))
        assert isinstance(report.error, DeniedError), (missing, report)
        assert missing in report.error.message, missing

    needed = actions - OF_THE_SEARCH - OF_THE_LIST
    user_id = leave_person(stack)
    report = erase(operator.services_of(needed), user_id)
    assert report.complete, report
    assert {one.place: one.removed for one in report.places}["large-records"] == 2
    again = erase(operator.services_of(needed), user_id)
    assert again.complete, again
    assert again.erased_at == report.erased_at


@pytest.mark.local
def test_who_is_deleted_already_is_erased_by_a_check_that_nobody_stored_the_user_again(stack: LocalStack) -> None:
    operator, actions = Operator(stack), actions_of(ROW)
    outputs, clients = stack.outputs, clients_of(stack)
    user_id = leave_person(stack)
    clients.dynamodb.delete_item(TableName=outputs.users_table_name, Key={"userId": {"S": user_id}})

    report = erase(operator.services_of(actions - OF_THE_DELETED), user_id)

    assert isinstance(report.error, DeniedError), report
    assert "dynamodb:ConditionCheckItem" in report.error.message
    assert erase(operator.services_of(actions), user_id).complete


@pytest.mark.local
def test_the_role_of_the_page_is_enough_and_allows_what_the_row_says(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, statements = Operator(stack), policy_of_page(stack, "person erase")
    assert {action for statement in statements for action in statement["Action"]} == actions_of(ROW)
    user_id = leave_person(stack)
    monkeypatch.setattr("ops.person.erase.Erasure._wait_for_invocations", dont_wait)

    erased = run_ops(operator.services_with(statements), "person", "erase", user_id, "--by", "id", "--yes")

    assert erased.exit_code == ExitCode.OK, erased.output
    assert {one["place"]: one["removed"] for one in answer(erased)["places"]}["large-records"] == 2
