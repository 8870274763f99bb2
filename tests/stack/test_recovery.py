"""`python -m infra.recover` knows each type of resource that the program creates."""

import pytest

from infra.recover.lookups import LEFT_TO_UP, LOOKUPS
from tests.stack.test_workflow_roles import EVERY_SETTING
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import record


@pytest.mark.parametrize("environment", ["dev", "prod", "local"])
def test_every_type_of_the_program_is_looked_up_or_needs_no_look(environment: str) -> None:
    changes = {} if environment == "local" else EVERY_SETTING
    stack = record(environment, config=own_config(environment) | changes)
    types = {each.type for each in stack.resources if each.type.startswith("aws:")}

    assert len(types) > 20
    assert types - LOOKUPS.keys() - LEFT_TO_UP.keys() == set()
    assert not LOOKUPS.keys() & LEFT_TO_UP.keys()
