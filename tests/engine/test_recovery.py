"""`python -m infra.recover` after a `pulumi up` of the real CLI that `kill -9` ended."""

import json
import random
from pathlib import Path

import pytest

from infra.recover.aws import Aws
from infra.recover.errors import RecoverError
from infra.recover.lookups import LEFT_TO_UP, find
from infra.recover.state import PendingCreate
from local.aws_clients import Clients
from local.deploy.registry import handler_for
from tests.engine.conftest import ON_THE_EMULATOR, REGION
from tests.support.engine.documented_commands import typed
from tests.support.engine.engine_stack import Deployed, EngineStack, engine_workspace
from tests.support.engine.killed_up import Victim, killed_up, recovered

MOMENTS: list[tuple[float, Victim, bool]] = [(2.0, "everything", False), (1.5, "engine", True)]
"""Seconds after it began to create, whom it hits, and whether there is a terminal afterwards."""

UNIQUE_BY_NAME = {
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:dynamodb/table:Table",
    "aws:iam/role:Role",
    "aws:lambda/function:Function",
    "aws:s3/bucket:Bucket",
    "aws:sns/topic:Topic",
    "aws:sqs/queue:Queue",
}
UP = "pulumi up --yes --skip-preview --non-interactive --stack dev"
NO_CHANGES = "pulumi preview --expect-no-changes --non-interactive --stack dev"


@pytest.fixture
def own_dev(own_account: Clients, tmp_path: Path) -> EngineStack:
    """The dev stack in an account of its own, not yet created."""
    workspace = engine_workspace(tmp_path / "engine", own_account)
    workspace.stack("dev", changes=ON_THE_EMULATOR)
    return EngineStack(workspace=workspace, name="dev", settings=ON_THE_EMULATOR)


def aws_of(account: Clients) -> Aws:
    """Return the look-ups' clients for the emulator."""
    return Aws(
        endpoint_url=account.endpoint_url,
        aws_access_key_id=account.keys.access_key_id,
        aws_secret_access_key=account.keys.secret_access_key,
    )


def test_after_each_kill_the_one_command_lets_up_go_on(own_dev: EngineStack) -> None:
    for seconds, victim, terminal in MOMENTS:
        moment = seconds * random.uniform(0.2, 1.8)  # noqa: S311  no secret
        assert killed_up(own_dev, moment, victim), f"it ended before it was killed after {moment} s"
        printed = recovered(own_dev, "--patience", "2", terminal=terminal)
        assert "is left over: removed" in printed
        assert '"type":"creating"' not in own_dev.state_file.read_text(encoding="utf-8")

    typed(own_dev, UP)
    typed(own_dev, NO_CHANGES)


def test_what_has_another_stack_s_tags_is_refused(dev: Deployed, account: Clients) -> None:
    aws, refused = aws_of(account), 0
    for resource in dev.resources():
        tags = resource.get("inputs", {}).get("tags")
        if not tags or resource["type"] in LEFT_TO_UP or resource["type"] not in UNIQUE_BY_NAME:
            continue
        theirs = {**resource, "inputs": {**resource["inputs"], "tags": {**tags, "environment": "theirs"}}}
        with pytest.raises(RecoverError, match=r"so it isn't this stack's\. Nothing was changed"):
            find(aws, PendingCreate(resource=theirs, provider_region=REGION, known_ids=frozenset()))
        refused += 1
    assert refused > 20


def test_each_resource_of_a_stack_is_found_by_what_it_was_created_with(dev: Deployed, account: Clients) -> None:
    aws, looked_up = aws_of(account), set[str]()
    for resource in dev.resources():
        if not resource["type"].startswith("aws:") or resource["type"] in LEFT_TO_UP:
            continue
        pending = PendingCreate(resource=resource, provider_region=REGION, known_ids=frozenset())
        found = find(aws, pending)
        assert found is not None, pending.label
        # On AWS an alias's id is its ARN.
        assert found.id == resource["id"] or pending.type == "aws:lambda/alias:Alias", pending.label
        assert handler_for(pending.type).find_by_import(found.import_id)[0] == resource["id"], pending.label
        looked_up.add(pending.type)
    assert len(looked_up) > 12, looked_up


def test_a_lock_of_another_machine_is_not_removed_unasked(own_dev: EngineStack) -> None:
    assert killed_up(own_dev, 0.1, "everything")
    (lock,) = (own_dev.workspace.directory / "state").rglob("locks/**/*.json")
    lock.write_text(json.dumps({**json.loads(lock.read_text()), "hostname": "elsewhere", "username": "runner"}))

    with pytest.raises(AssertionError, match=r"add --cancel runner@elsewhere"):
        recovered(own_dev, "--patience", "0")
    assert lock.exists()

    recovered(own_dev, "--patience", "0", "--cancel", "runner@*")
    assert not lock.exists()
