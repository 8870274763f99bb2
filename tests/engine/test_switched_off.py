"""docs/adopting.md's commands that switch the page and the events off in a protected stack."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from local.aws_clients import Clients
from tests.engine.conftest import ON_THE_EMULATOR, emulator_account
from tests.support.engine.documented_commands import commands_of, typed
from tests.support.engine.engine_stack import EngineError, EngineStack, bring_up, engine_workspace

HEADING = "Switch the page or the events off"
PAGE = "userstream:websiteEnabled"
EVENTS = "userstream:userEventsEnabled"
BOTH_OFF = {PAGE: "false", EVENTS: "false"}


@pytest.fixture
def prod(account: Clients, tmp_path: Path) -> Generator[EngineStack]:
    """The stack prod with a page and events, in an account of its own."""
    assert account
    with emulator_account(tmp_path / "emulator") as clients:
        workspace = engine_workspace(tmp_path / "engine", clients)
        yield bring_up(workspace, "prod", {**ON_THE_EMULATOR, PAGE: "true", EVENTS: "true"})


def protected(stack: EngineStack) -> set[str]:
    return {each["urn"] for each in stack.resources() if each.get("protect")}


def test_they_go_by_the_commands_alone_and_nothing_else_does(prod: EngineStack) -> None:
    off = replace(prod, settings={**ON_THE_EMULATOR, **BOTH_OFF})
    with pytest.raises(EngineError, match="protect"):
        off.preview()
    before = protected(prod)
    prod.workspace.stack(prod.name, changes=prod.settings)  # as before the first command

    typed(prod, commands_of("adopting.md", HEADING, first="pulumi config set userstream:websiteEnabled"))
    typed(prod, commands_of("adopting.md", HEADING, first="pulumi config set -s prod userstream:userEventsEnabled"))

    left = {each["urn"] for each in off.resources()}
    assert off.up().changes == {}
    assert len(before - left) == 6, "those that the page names"
    assert before & left == protected(off)
