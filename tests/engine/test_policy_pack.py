"""The guardrails as a policy pack, run by the engine."""

import json

import pulumi_aws as aws
import pytest

from guardrails.resource import ROLE
from local.aws_clients import Clients
from local.engine.cli import POLICY_PACK
from tests.support.engine.engine_stack import EngineError, EngineStack
from tests.support.engine.transforms import no_deletion_protection


def test_a_setting_that_is_wrong_for_prod_ends_the_preview(empty_prod: EngineStack) -> None:
    unprotected = {"userstream:protectResources": "false", "userstream:protectedEnvironment": "false"}

    with pytest.raises(EngineError, match="production-is-protected"):
        empty_prod.preview(settings=unprotected, policy_packs=[str(POLICY_PACK)])


PROTECTED = {
    f"userstream:{setting}": "true"
    for setting in ("protectedEnvironment", "deletionProtection", "pointInTimeRecovery", "protectResources")
}


def test_a_protected_environment_ends_the_preview_of_a_program_that_leaves_a_table_unprotected(
    empty_dev: EngineStack,
) -> None:
    pack = [str(POLICY_PACK)]

    with pytest.raises(EngineError, match="production-is-protected"):
        empty_dev.preview(settings=PROTECTED, policy_packs=pack, transform=no_deletion_protection)
    assert empty_dev.preview(policy_packs=pack, transform=no_deletion_protection).broken_rules == []


def program_with_a_wildcard() -> None:
    tags = {"project": "userstream", "environment": "local", "managedBy": "pulumi"}
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}},
    }
    anything = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}
    role = aws.iam.Role("role", name="Role-local", assume_role_policy=json.dumps({"Statement": [trust]}), tags=tags)
    # A value that is unknown in the preview is checked when it is known.
    policy = role.arn.apply(lambda _: json.dumps({"Statement": [anything]}))
    aws.iam.RolePolicy("policy", name="anything", role=role.name, policy=policy)


def test_a_wildcard_ends_the_update_before_the_policy_exists(empty_local: EngineStack, account: Clients) -> None:
    try:
        with pytest.raises(EngineError, match="policies-name-what-they-allow") as refused:
            empty_local.up(program=program_with_a_wildcard, policy_packs=[str(POLICY_PACK)])

        assert refused.value.steps.of_resources() == {f"{ROLE} role": "create"}
        assert account.iam.list_role_policies(RoleName="Role-local")["PolicyNames"] == []
    finally:
        empty_local.destroy()
