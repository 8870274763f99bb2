"""The stack of a pull request, by the workflow's script: opened on fresh runners, and deleted."""

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from tests.support.engine.account_inventory import everything_in
from tests.support.engine.documented_commands import typed
from tests.support.engine.engine_stack import EngineStack, engine_workspace
from tests.support.stack import own_settings

SCRIPT = PROJECT_ROOT / ".github" / "aws" / "pull-request-stack"
NO_TLS = "pulumi config set userstream:requireTls false --stack pr-7"
Type = Callable[[str], str]


@pytest.fixture
def type_(own_account: Clients, tmp_path: Path) -> Type:
    """Type commands on a runner that has checked the project out just now."""
    workspace = engine_workspace(tmp_path / "engine", own_account)
    stack = EngineStack(workspace=workspace, name="pr-7")
    folder = workspace.directory / "pr-7"
    kms = own_account.create("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/pr", TargetKeyId=key)

    def on_a_fresh_runner(commands: str) -> str:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in (PROJECT_ROOT / "Pulumi.yaml", own_settings.DIRECTORY / "Pulumi.dev.yaml"):
            shutil.copy(file, folder)
        variables = f"export PYTHON={sys.executable} SECRETS_PROVIDER='awskms://alias/pr?region=eu-west-1'"
        return typed(stack, f"unset PULUMI_CONFIG_PASSPHRASE\n{variables}\n{commands}")

    return on_a_fresh_runner


def test_each_push_updates_the_stack_and_nothing_of_it_is_left_in_the_end(
    type_: Type, own_account: Clients, tmp_path: Path
) -> None:
    before = everything_in(own_account)
    type_(f"{SCRIPT} open pr-7\n{NO_TLS}\npulumi up --yes --skip-preview --non-interactive -s pr-7")
    settings = yaml.safe_load((tmp_path / "engine" / "pr-7" / "Pulumi.pr-7.yaml").read_text(encoding="utf-8"))
    assert settings["config"]["userstream:websiteEnabled"] in {"false", False}
    assert "Users-pr-7" in everything_in(own_account)

    type_(f"{SCRIPT} open pr-7\n{NO_TLS}\npulumi preview --expect-no-changes --non-interactive -s pr-7")

    type_(f"{SCRIPT} delete pr-7")
    assert everything_in(own_account) == before
    assert "pr-7" not in type_("pulumi stack ls").partition("+ pulumi stack ls")[2]


def test_the_sweep_takes_what_was_closed_an_hour_ago_alone(type_: Type, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    closed = {7: now - timedelta(hours=2), 8: now - timedelta(minutes=50), 9: None}
    gh = tmp_path / "gh"
    cases = "".join(f"{number}) echo '{'' if at is None else at.isoformat()}';;\n" for number, at in closed.items())
    gh.write_text(f"#!/bin/sh\ncase $3 in\n{cases}esac\n")
    gh.chmod(0o755)
    for number in closed:
        type_(f"{SCRIPT} open pr-{number}")

    listed = type_(f"PATH={tmp_path}:$PATH {SCRIPT} sweep\npulumi stack ls --json").rpartition("+ pulumi stack ls")[2]

    assert [number for number in closed if f'"pr-{number}"' in listed] == [8, 9]


def test_another_stack_is_not_opened(type_: Type) -> None:
    with pytest.raises(AssertionError, match="prod is no stack of a pull request"):
        type_(f"{SCRIPT} delete prod")
