"""The drift workflow's command: green on an untouched stack, red on one that somebody changed."""

import re
from collections.abc import Generator
from typing import Any

import pytest
import yaml

from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from tests.support.engine.documented_commands import typed
from tests.support.engine.engine_stack import Deployed

ACTION = PROJECT_ROOT / ".github" / "actions" / "pulumi" / "action.yml"
FUNCTION = "RegisterUserFunction-dev"


@pytest.fixture(scope="module")
def script() -> str:
    """The step of the workflow, as a runner's shell gets it."""
    steps: list[dict[str, Any]] = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]
    (step,) = (step for step in steps if step.get("if") == "inputs.command == 'drift'")
    return f"export STACK=dev GITHUB_STEP_SUMMARY=summary.md\nrm -f summary.md; touch summary.md\n{step['run']}"


@pytest.fixture
def other_memory(account: Clients) -> Generator[None]:
    """Change a function's memory by hand, and set it back."""
    before = account.lambda_.get_function_configuration(FunctionName=FUNCTION)["MemorySize"]
    account.lambda_.update_function_configuration(FunctionName=FUNCTION, MemorySize=before * 2)
    yield
    account.lambda_.update_function_configuration(FunctionName=FUNCTION, MemorySize=before)


def test_an_untouched_stack_is_green_and_its_state_is_not_written(dev: Deployed, script: str) -> None:
    before = dev.state_file.read_bytes()

    typed(dev, script)

    assert dev.state_file.read_bytes() == before


def test_what_somebody_changed_by_hand_is_red_and_shown(dev: Deployed, script: str, other_memory: None) -> None:  # noqa: ARG001
    before = dev.state_file.read_bytes()

    with pytest.raises(AssertionError) as raised:
        typed(dev, script)

    assert "::error::dev has drifted" in str(raised.value)
    summary = (dev.workspace.directory / "dev" / "summary.md").read_text(encoding="utf-8")
    assert re.search(r"memorySize\s*: 1024 => 512", summary), summary
    assert dev.state_file.read_bytes() == before
