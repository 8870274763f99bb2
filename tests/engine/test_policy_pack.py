"""The guardrails as a policy pack, run by the engine."""

import pytest

from guardrails.resource import ROLE_POLICY
from local.engine.cli import POLICY_PACK
from local.resources.clients import Clients
from tests.engine.engine_stack import EngineError, EngineStack
from tests.engine.transforms import wildcard


def test_a_setting_that_is_wrong_for_prod_ends_the_preview(empty_prod: EngineStack) -> None:
    unprotected = {"userstream:protectResources": "false"}

    with pytest.raises(EngineError, match="production-is-protected"):
        empty_prod.preview(settings=unprotected, policy_packs=[str(POLICY_PACK)])


def test_a_wildcard_ends_the_update_before_the_policy_exists(empty_local: EngineStack, account: Clients) -> None:
    try:
        with pytest.raises(EngineError, match="policies-name-what-they-allow") as refused:
            empty_local.up(transform=wildcard, policy_packs=[str(POLICY_PACK)])

        assert f"{ROLE_POLICY} register-user-policy" not in refused.value.steps.changes
        assert account.iam.list_role_policies(RoleName="RegisterUserFunction-local")["PolicyNames"] == []
    finally:
        empty_local.destroy()
