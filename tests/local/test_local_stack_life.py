"""The life of a stack: start, signals, crashes, edits, end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.naming import PROJECT_ROOT
from local.process import child_environment
from local.state import LocalStackNotRunningError, clients_of, read_local_stack
from tests.support.local.change_log import ChangeLog
from tests.support.local.local_stack import LocalStack, copy_project, running_local_stack, starting_local_stack
from tests.support.local.mapped_function import eventually
from tests.support.local.processes import listens_on_loopback_alone, processes_of
from tests.support.local.users_over_http import UsersOverHttp, person


@pytest.fixture(autouse=True)
def handled_hangup() -> Iterator[None]:
    """Let children handle SIGHUP even if the tests run under nohup, which makes them ignore it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    """A stack that a test may break."""
    with running_local_stack(tmp_path) as running:
        yield running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_any_signal_that_ends_the_supervisor_ends_every_process(
    stack: LocalStack, tmp_path: Path, number: signal.Signals
) -> None:
    UsersOverHttp(stack).registered(person())
    assert len(processes_of(stack)) >= 4  # Supervisor, emulator, poller, and a function at least.

    os.kill(stack.pid, number)

    eventually(lambda: processes_of(stack), lambda left: not left)
    with pytest.raises(LocalStackNotRunningError, match="make up"):
        read_local_stack(tmp_path)


def test_a_killed_poller_is_started_again_and_nothing_is_missed(stack: LocalStack, tmp_path: Path) -> None:
    assert stack.poller_pid is not None
    os.kill(stack.poller_pid, signal.SIGKILL)
    user_id = UsersOverHttp(stack).registered(person())

    (line,) = ChangeLog(stack).eventually_about(user_id, bool)

    assert line["message"] == "USER ADDED:"
    eventually(lambda: read_local_stack(tmp_path).poller_pid, lambda pid: pid != stack.poller_pid)


def test_a_killed_emulator_ends_the_stack_and_status_says_why(stack: LocalStack, tmp_path: Path) -> None:
    os.kill(stack.emulator_pid, signal.SIGKILL)
    eventually(lambda: processes_of(stack), lambda left: not left)
    assert_says_that_the_emulator_was_killed(tmp_path)


def test_an_emulator_killed_before_the_stack_is_ready_ends_the_stack_too(tmp_path: Path) -> None:
    with starting_local_stack(tmp_path) as up:
        eventually((tmp_path / "state.json").exists, bool)  # Deployed; poller and page are being started.
        os.kill(read_local_stack(tmp_path).emulator_pid, signal.SIGKILL)
        eventually(lambda: up.exit_code, lambda code: code is not None)
    assert_says_that_the_emulator_was_killed(tmp_path)


def assert_says_that_the_emulator_was_killed(directory: Path) -> None:
    with pytest.raises(LocalStackNotRunningError) as said:
        read_local_stack(directory)

    assert "the AWS emulator ended by SIGKILL" in str(said.value)
    assert str(directory / "emulator.log") in str(said.value)
    assert "make up" in (directory / "up.log").read_text()
    assert "Traceback" not in (directory / "up.log").read_text()


def test_every_process_listens_on_this_machine_only(local_stack: LocalStack) -> None:
    UsersOverHttp(local_stack).registered(person())
    assert listens_on_loopback_alone(processes_of(local_stack))


def test_a_detached_stack_runs_until_down(tmp_path: Path) -> None:
    def local(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "local", *arguments, "--state-dir", str(tmp_path)]
        return subprocess.run(
            command,
            cwd=PROJECT_ROOT,
            env=child_environment(os.environ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    up = local("up", "--detach", "--port", "0", "--website-port", "0")
    try:
        assert up.returncode == 0, up
        stack = read_local_stack(tmp_path)
        assert f"curl -i {stack.outputs.api_url}/register" in up.stdout
        lines = up.stdout.splitlines()
        assert f"The page  {stack.outputs.website_url}" in lines
        assert f"The end   python -m local down --state-dir {tmp_path}" in lines, "to be copied, it names this stack"
        UsersOverHttp(stack).registered(person())
    finally:
        down = local("down")
    assert (down.returncode, down.stdout) == (0, "The local stack has ended.\n")
    eventually(lambda: processes_of(stack), lambda left: not left)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("userstream:streamBatchSize: '100'", "userstream:streamBatchSize: 0", "userstream:streamBatchSize is '0'"),
        ("userstream:streamBatchSize: '100'", "userstream:streamBatchSice: 100", "did you mean"),
        ("config:", "config: [", "is not the YAML of a stack"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_left_running(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    project = copy_project(tmp_path / "project")
    file = project / "Pulumi.local.yaml"
    text = file.read_text(encoding="utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong), encoding="utf-8")

    up = run_up(project, tmp_path)

    assert up.returncode == 1
    assert said in up.stderr
    assert "Traceback" not in up.stderr
    with pytest.raises(LocalStackNotRunningError, match="ended by itself"):
        read_local_stack(tmp_path)


def test_a_mapping_that_cannot_be_delivered_here_is_named_and_nothing_is_left_running(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    component = project / "infra" / "components" / "change_stream.py"
    mapping = """aws.lambda_.EventSourceMapping(
            "clicks",
            event_source_arn="arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
            function_name="LogUserChangesFunction-local",
            starting_position="LATEST",
        )
        self.register_outputs("""
    source = component.read_text()
    assert "self.register_outputs(" in source
    component.write_text(source.replace("self.register_outputs(", mapping, 1))

    up = run_up(project, tmp_path)

    assert up.returncode == 1
    last = up.stderr.strip().splitlines()[-1]
    assert "EventSourceMapping 'clicks': The event source mapping from" in last
    assert "stream/clicks to LogUserChangesFunction-local can't be delivered here as AWS would" in last
    assert "leave it out by a setting of Pulumi.local.yaml" in last
    assert "Traceback" not in up.stderr
    with pytest.raises(LocalStackNotRunningError, match="ended by itself"):
        read_local_stack(tmp_path)


def run_up(project: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", "up", "--port", "0", "--state-dir", str(directory)],
        cwd=project,
        env=child_environment(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_no_setting_of_the_users_shell_reaches_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAUSERS",
        "AWS_SECRET_ACCESS_KEY": "users",
        "AWS_SESSION_TOKEN": "users",
        "AWS_PROFILE": "nowhere",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "PYTHONPATH": "/nowhere",
        "GATEWAY_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "local", "up", "--no-log", "--port", "0", "--website-port", "0"]
    with (tmp_path / "out").open("w") as out:
        supervisor = subprocess.Popen(
            [*command, "--state-dir", str(tmp_path)], cwd=PROJECT_ROOT, stdout=out, stderr=out
        )
    try:
        stack = eventually(lambda: ready(tmp_path), lambda found: found is not None, seconds=120)
        assert stack is not None
        UsersOverHttp(stack).registered(person())
    finally:
        supervisor.terminate()
        supervisor.wait(60)


def ready(directory: Path) -> LocalStack | None:
    try:
        stack = read_local_stack(directory)
    except LocalStackNotRunningError:
        return None
    return stack if stack.poller_pid is not None else None


def test_an_edit_goes_live_and_a_broken_one_is_reported_and_not_deployed(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    sources = (project / "functions" / "log_user_changes").glob("*.py")
    (source,) = [source for source in sources if '"USER ADDED:"' in source.read_text()]
    state = tmp_path / "state"
    state.mkdir()

    with running_local_stack(state, project) as stack:
        before = code_hashes(stack)
        users, log, said = UsersOverHttp(stack), ChangeLog(stack), state / "up.log"

        source.write_text(source.read_text().replace('"USER ADDED:"', '"USER ADDED, EDITED:"'))
        eventually(said.read_text, lambda text: "LogUserChangesFunction-local runs the edited code" in text)
        (line,) = log.eventually_about(users.registered(person()), bool)
        assert line["message"] == "USER ADDED, EDITED:"
        changed = {name for name, sha256 in code_hashes(stack).items() if sha256 != before[name]}
        assert changed == {"LogUserChangesFunction-local"}

        edited = source.read_text()
        for broken, problem in (("def broken(:", "SyntaxError"), ("import nowhere_to_be_found", "ModuleNotFoundError")):
            source.write_text(f"{edited}\n{broken}\n")
            eventually(said.read_text, lambda text, problem=problem: problem in text)
            (line,) = log.eventually_about(users.registered(person()), bool)
            assert line["message"] == "USER ADDED, EDITED:"

        source.write_text(edited.replace('"USER ADDED, EDITED:"', '"USER ADDED, MENDED:"'))
        eventually(said.read_text, lambda text: text.count("runs the edited code") == 2)
        (line,) = log.eventually_about(users.registered(person()), bool)
        assert line["message"] == "USER ADDED, MENDED:"


def code_hashes(stack: LocalStack) -> dict[str, str]:
    functions = clients_of(stack).lambda_.list_functions()["Functions"]
    return {function.get("FunctionName", ""): function.get("CodeSha256", "") for function in functions}
