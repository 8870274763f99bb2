"""A bad version that is shifted in on a running stack goes back by itself; no change is lost."""

import io
import json
import threading
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from infra.packaging import package_bytes
from local.live_version import wait_until_ready
from local.state import clients_of
from ops.errors import ExitCode
from tests.support.faults.audit import Audit
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.mapped_function import eventually
from tests.support.local.ops_stack import run_ops, services_of
from tests.support.local.users_over_http import UsersOverHttp, person

FUNCTION = "LogUserChangesFunction-local"
HANDLER = "functions/log_user_changes/handler.py"
RAISES = b"\n\ndef handler(event, context):\n    raise RuntimeError('a bad version')\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStack]:
    with running_local_stack(tmp_path_factory.mktemp("release-stack")) as running:
        yield running


def publish(stack: LocalStack, appended: bytes) -> str:
    """Publish a version of log_user_changes with some more code, as `pulumi up` does."""
    changed = io.BytesIO()
    package = io.BytesIO(package_bytes("log_user_changes", "host"))
    with zipfile.ZipFile(package) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name) + (appended if name == HANDLER else b""))
    lambda_ = clients_of(stack).lambda_
    lambda_.update_function_code(FunctionName=FUNCTION, ZipFile=changed.getvalue())
    wait_until_ready(lambda_, FUNCTION)
    return lambda_.publish_version(FunctionName=FUNCTION)["Version"]


def live(stack: LocalStack) -> tuple[str, dict[str, float]]:
    alias = clients_of(stack).lambda_.get_alias(FunctionName=FUNCTION, Name="live")
    return alias["FunctionVersion"], alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})


@contextmanager
def registrations(stack: LocalStack) -> Generator[list[str]]:
    """Register one user after another, until the block ends; give their ids."""
    users, ids, ended = UsersOverHttp(stack), list[str](), threading.Event()

    def register() -> None:
        while not ended.wait(0.2):
            answer = users.register(person())
            assert answer.status == 201, answer
            ids.append(json.loads(answer.body)["userId"])

    thread = threading.Thread(target=register)
    thread.start()
    try:
        yield ids
    finally:
        ended.set()
        thread.join()


def test_a_bad_version_goes_back_by_itself_and_nothing_of_the_stream_is_lost_or_doubled(stack: LocalStack) -> None:
    before, _ = live(stack)
    bad = publish(stack, RAISES)

    with registrations(stack) as ids:
        result = run_ops(services_of(stack), "release", "shift", "--percent", "50", "--minutes", "5", "--json")

    assert result.exit_code == ExitCode.UNFINISHED, result.output
    said = json.loads(result.stdout)
    assert said["back"] == {FUNCTION: before}
    assert "LogUserChangesErrors-local" in said["rang"]
    assert live(stack) == (before, {})
    functions = json.loads(run_ops(services_of(stack), "release", "status", "--json").stdout)["functions"]
    (of_stream,) = (each for each in functions if each["function"] == FUNCTION)
    assert (of_stream["live"], of_stream["newest"], of_stream["wentBackFrom"]) == (before, bad, bad)
    audit = Audit(stack)
    ended = eventually(audit.result, lambda found: not found.lost, seconds=180)
    assert ended.is_sound, ended
    assert len(ended.kept | ended.dead_lettered | ended.in_both) == len(ids)
    again = run_ops(services_of(stack), "release", "shift", "--percent", "50", "--minutes", "5", "--json")
    assert json.loads(again.stdout)["skipped"] == {FUNCTION: bad}


def test_a_good_version_gets_its_share_and_then_all_traffic(stack: LocalStack) -> None:
    lambda_ = clients_of(stack).lambda_
    before, _ = live(stack)
    good = publish(stack, b"\n# a good version\n")

    with registrations(stack) as ids:
        # The alarm that the bad version rang may ring still, and is no reason to go back.
        result = run_ops(services_of(stack), "release", "shift", "--percent", "50", "--minutes", "0.3", "--json")

    assert result.exit_code == ExitCode.OK, result.output
    assert json.loads(result.stdout)["live"] == {FUNCTION: good}
    assert live(stack) == (good, {})
    assert ids
    went = run_ops(services_of(stack), "release", "back", "--json")
    assert json.loads(went.stdout)["back"] == {FUNCTION: before}
    assert live(stack) == (before, {})
    versions = {lambda_.invoke(FunctionName=f"{FUNCTION}:live", Payload=b'{"Records": []}').get("ExecutedVersion")}
    assert versions == {before}


def test_status_shows_invocations_of_the_api_too_how_late_the_stream_is_and_alarms(stack: LocalStack) -> None:
    assert UsersOverHttp(stack).register(person()).status == 201

    def status() -> Any:
        return json.loads(run_ops(services_of(stack), "status", "--json").stdout)

    # The poller writes the age once a minute.
    health = eventually(status, lambda found: found["iteratorAgeSeconds"] is not None, seconds=100)
    invocations = {each["name"]: each["invocations"] for each in health["functions"]}
    assert invocations["RegisterUserFunction-local"] > 0
    assert invocations[FUNCTION] > 0
    states = {each["name"]: each["state"] for each in health["alarms"]}
    assert states["RegisterUserErrors-local"] == "OK"


def test_reserved_concurrency_holds_for_every_version(stack: LocalStack) -> None:
    lambda_, name = clients_of(stack).lambda_, stack.outputs.rescue_failed_batches_function_name
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        for qualifier in ("$LATEST", "live"):
            with pytest.raises(lambda_.exceptions.TooManyRequestsException):
                lambda_.invoke(FunctionName=name, Qualifier=qualifier, Payload=b'{"Records": []}')
    finally:
        lambda_.delete_function_concurrency(FunctionName=name)
    assert lambda_.invoke(FunctionName=name, Qualifier="live", Payload=b'{"Records": []}')["StatusCode"] == 200
