"""One environment in two regions of one account shares no name that AWS knows only once."""

import pytest

from guardrails import resource as types
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import RecordedStack, record, refusal
from tests.support.stack.unique_names import NAMES, Unique

NAME_PROPERTIES = {"name", "bucket", "dashboardName"}

ON = {
    "userstream:websiteEnabled": "true",
    "userstream:userEventsEnabled": "true",
    "userstream:registerThrottleRatePerSecond": "10",
    "userstream:registerThrottleBurst": "20",
    "userstream:registrationsPerClient": "100",
}


def dev_in(stack: str, region: str) -> RecordedStack:
    """Return the environment dev with all that a setting can add, as a stack in a region."""
    config = {**own_config("dev"), **ON, "aws:region": region, "userstream:environment": "dev"}
    return record(stack, config=config)


def names(stack: RecordedStack, unique: Unique) -> set[tuple[str, str]]:
    return {
        (resource.type, resource.inputs[NAMES[resource.type][0]])
        for resource in stack.resources
        if NAMES.get(resource.type, (None, None))[1] is unique
    }


def test_the_name_of_every_type_has_a_place_where_it_is_unique() -> None:
    owners = {  # their `bucket` is the name of the bucket that they belong to
        resource.type for resource in dev_in("dev", "eu-west-1").resources if resource.type.startswith("aws:s3/bucket")
    } - {types.BUCKET}
    named = {
        resource.type
        for resource in dev_in("dev", "eu-west-1").resources
        if not NAME_PROPERTIES.isdisjoint(resource.inputs)
    }

    assert named - owners == set(NAMES), "say in NAMES where the name must be unique"


def test_one_environment_in_two_regions_shares_no_name_of_the_account() -> None:
    ireland, virginia = dev_in("dev", "eu-west-1"), dev_in("dev-us", "us-east-1")

    assert names(ireland, Unique.ACCOUNT).isdisjoint(names(virginia, Unique.ACCOUNT))
    assert {name for name, _ in names(ireland, Unique.ACCOUNT)} == {
        name for name, (_, unique) in NAMES.items() if unique is Unique.ACCOUNT
    }


def test_what_is_in_a_region_has_the_same_name_in_each() -> None:
    ireland, virginia = dev_in("dev", "eu-west-1"), dev_in("dev-us", "us-east-1")

    assert names(ireland, Unique.REGION) == names(virginia, Unique.REGION)
    assert ("aws:dynamodb/table:Table", "Users-dev") in names(virginia, Unique.REGION)
    assert virginia.outputs["environment"] == "dev"
    assert virginia.outputs["region"] == "us-east-1"


NEVER_WITHOUT_A_REGION = {"aws:wafv2/webAcl:WebAcl"}

RENAMED_SINCE = {"access-log"}
"""Whose name changed for another reason (docs/decisions/0055-access-log-among-vended-logs.md)."""


def test_a_name_of_the_account_never_changes_in_a_stack_that_has_one() -> None:
    """So that a stack from before the names had regions isn't replaced."""
    for resource in dev_in("dev", "eu-west-1").resources:
        name, unique = NAMES.get(resource.type, ("", Unique.NOWHERE))
        if resource.type not in NEVER_WITHOUT_A_REGION:
            kept = resource.options.ignore_changes
            renamed = unique is Unique.ACCOUNT or resource.name in RENAMED_SINCE
            assert kept == ({name} if renamed else set()), resource.urn


@pytest.mark.parametrize("name", ["Dev", "d" * 21, "", "dev_1"])
def test_an_environment_s_name_that_cannot_be_part_of_a_resource_s_is_refused(name: str) -> None:
    config = {**own_config("dev"), "userstream:environment": name}

    message = refusal("dev-us", config)

    assert f"userstream:environment is {name!r}: must be up to 20 lower-case letters" in message


def test_a_stack_s_name_may_have_any_form_if_the_environment_has_another() -> None:
    config = {**own_config("dev"), "userstream:environment": "dev"}

    assert record("Dev_of.us-east-1", config=config).outputs["usersTableName"] == "Users-dev"
