"""`status` when a table's changes come from another stream than the one that is read."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from infra.consumers.declaration import Source
from ops.errors import ExitCode
from ops.stack_outputs import LocalMapping, LocalPoller
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory

Run = Callable[..., Result]

READERS = {Source.USERS_STREAM: "log-user-changes", Source.ACTIVITY_STREAM: "fan-out-user-changes"}
NEW_LABEL = "2026-11-25T10:42:00.000"


def break_stream(stack: StackInMemory, source: Source, trouble: str) -> None:
    healthy = stack.table_streams[source]
    stack.table_streams[source] = {
        "switched off": healthy._replace(arn=None, view_type=None),
        "keys only": healthy._replace(view_type="KEYS_ONLY"),
        "made again": healthy._replace(arn=f"{str(healthy.arn).rpartition('/')[0]}/{NEW_LABEL}"),
    }[trouble]


@pytest.mark.parametrize("source", READERS)
@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("switched off", "is switched off: no change is recorded"),
        ("keys only", "has KEYS_ONLY records and not NEW_"),
        ("made again", NEW_LABEL),
    ],
)
def test_a_stream_that_is_not_the_tables_own_needs_attention_and_a_refresh(
    stack: StackInMemory, run: Run, source: Source, trouble: str, said: str
) -> None:
    break_stream(stack, source, trouble)

    result, shown = run("status"), run("status", "--table").stdout
    found = json.loads(result.stdout)

    assert (result.exit_code, found["healthy"]) == (ExitCode.UNFINISHED, False)
    (attention,) = found["attention"]
    assert attention.startswith(f"{READERS[source]}: ")
    assert said in attention
    assert found["next"] == ["pulumi up --refresh --stack test"]
    assert "Next  pulumi up --refresh --stack test" in shown
    assert "no stream" in shown


def test_a_local_poller_that_goes_on_with_an_ended_stream_hides_nothing(stack: StackInMemory, run: Run) -> None:
    function = OUTPUTS.log_user_changes_function_name
    stack.local_poller = LocalPoller(
        1, running=True, mappings=[LocalMapping(function, OUTPUTS.users_stream_arn, "delivering", "")]
    )
    break_stream(stack, Source.USERS_STREAM, "made again")

    found = json.loads(run("status").stdout)

    assert len(found["attention"]) == 1
    assert not found["healthy"]


def test_outputs_that_name_another_stream_need_attention(stack: StackInMemory, run: Run) -> None:
    stack.outputs = OUTPUTS.model_copy(update={"users_stream_arn": f"{OUTPUTS.users_stream_arn}1"})

    (attention,) = json.loads(run("status").stdout)["attention"]

    assert "the stack's outputs name another" in attention


def test_nothing_is_added_to_the_history_while_its_stream_is_another(stack: StackInMemory, run: Run) -> None:
    break_stream(stack, Source.USERS_STREAM, "made again")

    result = run("backfill")

    assert result.exit_code != ExitCode.OK
    assert "no longer writes to" in " ".join(result.stderr.split())
