"""One environment in two regions of an account, and a stack from before its names had regions."""

import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from guardrails import resource as types
from local.aws_clients import Clients
from tests.support.engine.engine_stack import Deployed, EngineStack, bring_up, resource_name
from tests.support.stack.unique_names import NAMES, Unique

PROD_BEFORE = Path(__file__).parent / "states" / "prod.jsonl"
"""What `pulumi stack export` gave for prod, without what has neither data nor a name of its own."""

WEB_ACL = "aws:wafv2/webAcl:WebAcl"

NAME_PROPERTIES = {name for name, _ in NAMES.values()}


def names_of_the_account(stack: EngineStack) -> set[tuple[str, str]]:
    return {
        (each["type"], each["inputs"][NAMES[each["type"]][0]])
        for each in stack.resources()
        if NAMES.get(each["type"], ("", Unique.NOWHERE))[1] is Unique.ACCOUNT
    }


def test_a_stack_whose_names_have_no_region_keeps_them_and_nothing_is_replaced(empty_prod: EngineStack) -> None:
    before = [json.loads(line) for line in PROD_BEFORE.read_text(encoding="utf-8").splitlines()]
    # The emulator, where the state is from, speaks http.
    prod = replace(empty_prod, settings={"userstream:requireTls": "false"})
    prod.take_over(before)

    steps = prod.preview()

    assert set(steps.changes.values()) <= {"create", "update"}
    created = {name for name, operation in steps.changes.items() if operation == "create"}
    assert created.isdisjoint(resource_name(each["urn"]) for each in before)
    renamed = {name for name, changed in steps.properties.items() if not NAME_PROPERTIES.isdisjoint(changed)}
    assert renamed == set()


@pytest.fixture
def dev_in_virginia(empty_dev: EngineStack) -> Generator[Deployed]:
    """The environment dev in a second region, with all that is global, until the test ends."""
    settings = {
        "aws:region": "us-east-1",
        "userstream:environment": "dev",
        "userstream:requireTls": "false",
        "userstream:websiteEnabled": "true",
    }
    deployed = bring_up(empty_dev.workspace, "dev", settings)
    try:
        yield deployed
    finally:
        deployed.destroy()


def test_a_second_region_of_an_environment_shares_nothing_with_the_first_and_leaves_it_unchanged(
    dev: Deployed, dev_in_virginia: Deployed, account: Clients
) -> None:
    ireland, virginia = names_of_the_account(dev), names_of_the_account(dev_in_virginia)

    assert {resource_type for resource_type, _ in ireland} == {
        types.ROLE,
        types.BUCKET,
        "aws:cloudwatch/dashboard:Dashboard",
    }
    assert {resource_type for resource_type, _ in virginia} == {
        name for name, (_, unique) in NAMES.items() if unique is Unique.ACCOUNT and name != WEB_ACL
    }, "all but the web ACL, which needs a limit per client"
    assert ireland.isdisjoint(virginia)
    assert dev_in_virginia.outputs.users_table_name == dev.outputs.users_table_name == "Users-dev"
    assert "Users-dev" in account.dynamodb.list_tables()["TableNames"]
    assert dev.refresh().changes == {}
