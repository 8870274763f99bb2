"""A role that exists, imported by the CLI through the stand-in for AWS's plugin."""

import json

import pulumi_aws as aws

from local.aws_clients import Clients
from tests.engine.conftest import ON_THE_EMULATOR
from tests.support.engine.documented_commands import typed
from tests.support.engine.engine_stack import EngineStack

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        ],
    }
)


def one_role() -> None:
    """A program that says no more of a role than ours does."""
    aws.iam.Role("role", name="imported-role", assume_role_policy=TRUST)


def test_an_imported_role_is_neither_replaced_nor_changed(account: Clients, empty_local: EngineStack) -> None:
    before = account.iam.create_role(RoleName="imported-role", AssumeRolePolicyDocument=TRUST)["Role"]["RoleId"]
    empty_local.workspace.stack(empty_local.name, changes=ON_THE_EMULATOR)

    typed(
        empty_local,
        "pulumi import --yes --stack local --protect=false --generate-code=false aws:iam/role:Role role imported-role",
    )

    after = empty_local.up(program=one_role)
    assert (after.of_resources(), after.properties) == ({}, {})
    assert account.iam.get_role(RoleName="imported-role")["Role"]["RoleId"] == before
    empty_local.destroy()
