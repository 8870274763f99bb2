import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from infra.naming import PROJECT_ROOT
from infra.outputs import StackOutputs
from local.cli import cli
from local.process import child_environment
from local.state import clients_of, functions_of
from tests.support.local.change_log import ChangeLog
from tests.support.local.local_stack import LocalStack
from tests.support.local.mapped_function import eventually
from tests.support.local.users_over_http import UsersOverHttp, person


def local(*arguments: str, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would, without colours."""
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments, "--state-dir", str(directory)],
        cwd=PROJECT_ROOT,
        env=child_environment(os.environ, COLUMNS="200", **variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_outputs_as_json_are_one_flat_object_of_the_contract(
    local_stack: LocalStack, local_stack_directory: Path
) -> None:
    printed = local("outputs", directory=local_stack_directory)

    assert printed.returncode == 0
    assert StackOutputs.model_validate_json(printed.stdout) == local_stack.outputs
    assert all(isinstance(value, str | None) for value in json.loads(printed.stdout).values())


def test_outputs_for_people_are_one_per_line(local_stack: LocalStack, local_stack_directory: Path) -> None:
    lines = local("outputs", "--table", directory=local_stack_directory).stdout.splitlines()
    assert [line.split() for line in lines] == [
        [name] if value is None else [name, value]
        for name, value in local_stack.outputs.model_dump(by_alias=True).items()
    ]


def test_status_names_every_part(local_stack: LocalStack, local_stack_directory: Path) -> None:
    # A stack that has just begun waits for its mappings.
    printed = eventually(
        lambda: local("status", "--table", directory=local_stack_directory), lambda printed: printed.returncode == 0
    )
    assert printed.stdout.count("running") == 3
    for shown in (local_stack.pid, local_stack.emulator_pid, local_stack.endpoint_url, local_stack.outputs.api_url):
        assert str(shown) in printed.stdout


def test_status_in_a_pipe_is_json(local_stack: LocalStack, local_stack_directory: Path) -> None:
    found = json.loads(local("status", directory=local_stack_directory).stdout)

    assert found["healthy"]
    assert found["lost"] == []
    assert found["apiUrl"] == local_stack.outputs.api_url
    assert [found[part]["running"] for part in ("supervisor", "emulator", "poller")] == [True, True, True]
    assert found["emulator"]["process"] == local_stack.emulator_pid
    assert {mapping["state"] for mapping in found["mappings"]} == {"delivering"}


def test_status_shows_each_mapping_and_what_it_counted(local_stack: LocalStack, local_stack_directory: Path) -> None:
    user_id = UsersOverHttp(local_stack).registered(person())
    ChangeLog(local_stack).eventually_about(user_id, bool)

    def mappings() -> list[str]:
        printed = local("status", "--table", directory=local_stack_directory).stdout
        return [" ".join(mapping.split()) for mapping in printed.split("\nmapping")[1:]]

    found = eventually(mappings, lambda lines: any("polled" in line for line in lines))
    assert all(" delivering" in line for line in found)
    assert any(line.startswith("Users-local's stream → LogUserChangesFunction-local") for line in found)
    assert any(line.startswith("UserChangesFailureQueue-local → RescueFailedBatchesFunction-local") for line in found)
    mapped = clients_of(local_stack).lambda_.list_event_source_mappings()["EventSourceMappings"]
    assert len(found) == len(mapped)
    assert {mapping.get("State") for mapping in mapped} == {"Enabled"}


def test_the_log_of_every_function_is_printed(local_stack: LocalStack, local_stack_directory: Path) -> None:
    for name, function in functions_of(local_stack.outputs).items():
        clients_of(local_stack).lambda_.invoke(FunctionName=function, Payload=b"{}")
        printed = local("logs", "--raw", "--function", name, directory=local_stack_directory)
        assert printed.returncode == 0, printed
        assert "START RequestId" in printed.stdout


def test_a_function_that_the_stack_lacks_is_named_with_those_it_has(
    local_stack: LocalStack, local_stack_directory: Path
) -> None:
    printed = local("logs", "--function", "log-nothing", directory=local_stack_directory)

    assert printed.returncode == 1
    assert "no function 'log-nothing'. It has: " in printed.stderr
    for name in functions_of(local_stack.outputs):
        assert name in printed.stderr


def test_a_character_that_the_terminals_encoding_lacks_is_replaced(
    local_stack: LocalStack, local_stack_directory: Path
) -> None:
    user_id = UsersOverHttp(local_stack).registered({**person(), "name": "花子"})
    ChangeLog(local_stack).eventually_about(user_id, bool)

    printed = local("logs", directory=local_stack_directory, PYTHONIOENCODING="latin-1")

    assert printed.returncode == 0, printed
    assert f"{user_id}  name=??" in printed.stdout


def test_logs_show_what_became_of_a_registration(local_stack: LocalStack, local_stack_directory: Path) -> None:
    body = person(name="Grace")
    user_id = UsersOverHttp(local_stack).registered(body)
    ChangeLog(local_stack).eventually_about(user_id, bool)

    readable = local("logs", directory=local_stack_directory).stdout
    raw = local("logs", "--raw", directory=local_stack_directory).stdout

    (line,) = [line for line in readable.splitlines() if user_id in line]
    assert f"USER ADDED: {user_id}  name=Grace  email={body['email']}" in line
    assert "START RequestId" in raw
    assert "START RequestId" not in readable


def test_an_unsupported_user_ends_in_the_dead_letter_queue(
    local_stack: LocalStack, local_stack_directory: Path
) -> None:
    printed = local("poison", directory=local_stack_directory)

    assert printed.returncode == 0
    user_id = printed.stdout.split()[2]
    (line,) = ChangeLog(local_stack).eventually_about(user_id, bool)
    assert line["reason"] == "schemaVersion 2 is not supported"
    sqs = clients_of(local_stack).sqs
    eventually(
        lambda: sqs.get_queue_attributes(
            QueueUrl=local_stack.outputs.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        ).get("Attributes", {}),
        lambda attributes: int(attributes.get("ApproximateNumberOfMessages", "0")) >= 1,
    )


@pytest.mark.parametrize("how", [[], ["--detach"]])
def test_a_second_up_says_what_runs_and_what_to_do(
    local_stack: LocalStack, local_stack_directory: Path, how: list[str]
) -> None:
    printed = local("up", "--port", "0", *how, directory=local_stack_directory)

    assert printed.returncode == 1
    assert f"runs in {local_stack_directory} already (process {local_stack.pid})" in printed.stderr
    assert "python -m local down" in printed.stderr
    assert local("status", directory=local_stack_directory).returncode == 0


@pytest.mark.parametrize("how", [[], ["--detach"]])
def test_a_taken_port_is_named_with_another_one_to_use(local_stack: LocalStack, tmp_path: Path, how: list[str]) -> None:
    printed = local("up", "--port", str(local_stack.port), *how, directory=tmp_path)

    assert printed.returncode == 1
    assert f"port {local_stack.port} on 127.0.0.1 is taken by another program" in printed.stderr
    assert "--port 0" in printed.stderr
    assert "Traceback" not in printed.stderr


@pytest.mark.parametrize("command", ["status", "outputs", "logs", "events", "poison"])
def test_a_command_without_a_stack_says_how_to_start_one(command: str, tmp_path: Path) -> None:
    printed = local(command, directory=tmp_path)

    assert printed.returncode == 1
    assert printed.stderr == "Error: the local stack is not running. Start it with: make up\n"


def test_down_without_a_stack_has_nothing_to_do(tmp_path: Path) -> None:
    printed = local("down", directory=tmp_path)
    assert (printed.returncode, printed.stdout) == (0, "No local stack is running.\n")


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_has_help(command: str) -> None:
    printed = CliRunner().invoke(cli, [command, "--help"])
    assert printed.exit_code == 0
    assert cli.commands[command].help
    options = [parameter for parameter in cli.commands[command].params if isinstance(parameter, click.Option)]
    assert all(option.help for option in options)
