from typing import Any

import pytest

from infra.consumers import CONSUMERS, consumer_of_function
from infra.consumers.declaration import MAXIMUM_PREFIX_LENGTH, Consumer, ConsumerDeclarationError
from infra.naming import ENVIRONMENT_MAXIMUM_LENGTH, REGION_MAXIMUM_LENGTH, global_name

WELCOME: dict[str, Any] = {"folder": "welcome_new_users", "description": "Welcomes each new user"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"folder": "Welcome"}, "folder is 'Welcome': must be words of a-z and 0-9, joined by _"),
        ({"folder": "welcome_each_new_user_soon"}, "must have at most 19 letters and digits"),
        ({"kinds": ()}, "kinds is (): must be some of ADDED, UPDATED, DELETED"),
        ({"kinds": ("CREATED",)}, "must be some of ADDED, UPDATED, DELETED"),
        ({"batch_size": 11}, "batch_size is 11: must be 1 to 10"),
        ({"maximum_receives": 0}, "maximum_receives is 0: must be 1 to 1000"),
        ({"maximum_concurrency": 1}, "maximum_concurrency is 1: must be 2 to 1000"),
        ({"memory_mb": 64}, "memory_mb is 64: must be 128 to 10240"),
        ({"timeout_seconds": 901}, "timeout_seconds is 901: must be 1 to 900"),
    ],
)
def test_a_declaration_that_aws_would_refuse_is_refused_with_its_file_and_what_must_be(
    wrong: dict[str, Any], said: str
) -> None:
    declared = {**WELCOME, **wrong}
    with pytest.raises(ConsumerDeclarationError) as refused:
        Consumer(**declared)

    assert str(refused.value).startswith(f"infra/consumers/{declared['folder']}.py: ")
    assert said in str(refused.value)


def test_every_problem_of_a_declaration_is_said_at_once() -> None:
    with pytest.raises(ConsumerDeclarationError, match=r"batch_size is 0.*timeout_seconds is 0"):
        Consumer(**WELCOME, batch_size=0, timeout_seconds=0)


def test_the_longest_folder_fits_into_its_role_s_name() -> None:
    longest = Consumer(folder="a" * MAXIMUM_PREFIX_LENGTH, description="Long")
    role = global_name(longest.base_name, "e" * ENVIRONMENT_MAXIMUM_LENGTH, "r" * REGION_MAXIMUM_LENGTH)

    assert len(role) == 64


def test_backfilled_users_are_filtered_out_unless_the_declaration_wants_them() -> None:
    assert Consumer(**WELCOME, kinds=("ADDED",)).filter_policy == {"kind": ["ADDED"], "origin": ["change"]}
    assert Consumer(**WELCOME, backfilled=True).filter_policy["origin"] == ["change", "backfill"]


@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda consumer: consumer.logical_name)
def test_a_consumer_is_found_by_its_function_s_name_and_by_its_arn(consumer: Consumer) -> None:
    name = consumer.function_name("dev")

    assert consumer_of_function(name, "dev") is consumer
    assert consumer_of_function(f"arn:aws:lambda:eu-west-1:123456789012:function:{name}:live", "dev") is consumer
    assert consumer_of_function(name, "prod") is None
