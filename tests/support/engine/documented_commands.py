"""The commands of a documentation page, typed into a shell whose account is the emulator."""

import os
import re
import subprocess
import sys
from pathlib import Path

from infra.naming import PROJECT_ROOT
from tests.support.engine.engine_stack import EngineStack

COMMANDS = Path(__file__).parent / "commands"


def commands_of(page: str, heading: str, *, first: str) -> str:
    """Return the shell block below a heading that begins with a command.

    Args:
        page: below docs/.
        heading: of the section, without its `#`.
        first: how the block's first command begins.
    """
    text = (PROJECT_ROOT / "docs" / page).read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    (block,) = (
        block
        for block in re.findall(r"^ *```sh\n(.*?)^ *```", section, re.DOTALL | re.MULTILINE)
        if block.strip().startswith(first)
    )
    return "\n".join(line.strip() for line in block.splitlines())


def shell_environment(stack: EngineStack) -> dict[str, str]:
    """Return the variables of a shell in which `pulumi` and `aws` have the stack's emulator."""
    workspace = stack.workspace
    variables = workspace.environment()
    return variables | {
        "PATH": os.pathsep.join([str(COMMANDS), variables["PATH"]]),
        "USERSTREAM_ROOT": str(PROJECT_ROOT),
        "USERSTREAM_CREATED": str(workspace.created_file(stack.name)),
        "AWS_DEFAULT_REGION": "eu-west-1",
        "PYTHONPATH": str(PROJECT_ROOT),
        "USERSTREAM_PYTHON": sys.executable,
    }


def typed(stack: EngineStack, commands: str) -> str:
    """Run commands until one fails, and return all that they printed.

    Raises:
        AssertionError: one failed; the message is what was printed.
    """
    variables = shell_environment(stack) | {"PULUMI_SKIP_CONFIRMATIONS": "true"}  # There is no terminal to confirm on.
    ended = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", commands],
        cwd=stack.workspace.directory / stack.name,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout
