"""A preview of a new stack, as in the first `pulumi preview`: all of AWS's values are unknown."""

import json
import re
from functools import partial
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest

from guardrails.resource import QUEUE, TABLE, UNKNOWN
from local.aws_clients import Clients
from local.engine.cli import POLICY_PACK
from tests.support.engine.engine_stack import EngineError, EngineStack
from tests.support.engine.transforms import misspelt_variables, no_role
from tests.support.stack.recorded_stack import record


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_a_first_preview_creates_everything_by_the_rules_and_changes_nothing(
    name: str, empty_dev: EngineStack, empty_prod: EngineStack, account: Clients, tmp_path: Path
) -> None:
    before = account.dynamodb.list_tables()["TableNames"]
    import_file = tmp_path / "everything.json"

    steps = {"dev": empty_dev, "prod": empty_prod}[name].preview(
        policy_packs=[str(POLICY_PACK)], import_file=str(import_file)
    )

    assert steps.broken_rules == []
    assert set(steps.changes.values()) == {"create"}
    assert steps.of_resources().keys() == {
        f"{each.type} {each.name}" for each in record(name).resources if each.type.startswith("aws:")
    }
    assert steps.ids <= {"", UNKNOWN}
    assert account.dynamodb.list_tables()["TableNames"] == before
    assert [
        (each["type"], each.get("component"), each.get("parent"))
        for each in json.loads(import_file.read_text())["resources"]
        if each["name"] in {"users-store", "users"}  # as docs/adopting.md picks what `pulumi import` takes
    ] == [("userstream:infra:UsersStore", True, None), (TABLE, None, "users-store")]


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (misspelt_variables, "there is no such property in FunctionEnvironmentArgs; did you mean 'variables'?"),
        (no_role, "FunctionArgs needs it, and it is not set"),
    ],
)
def test_a_typo_and_a_missing_property_end_the_preview(
    transform: pulumi.ResourceTransform, message: str, empty_dev: EngineStack
) -> None:
    with pytest.raises(EngineError, match=re.escape(message)):
        empty_dev.preview(transform=transform)


def program_with_a_key() -> None:
    pulumi.CustomResource("aws:kms/key:Key", "key", {"description": "of nothing"})


def test_a_type_that_has_no_resource_handler_is_refused_by_name(empty_dev: EngineStack) -> None:
    with pytest.raises(EngineError, match="the local stack has no resource of type aws:kms/key:Key"):
        empty_dev.preview(program=program_with_a_key)


def program_with_a_stream(view: str) -> None:
    table = aws.dynamodb.Table(
        "users",
        name="Users-imported",
        billing_mode="PAY_PER_REQUEST",
        hash_key="userId",
        attributes=[aws.dynamodb.TableAttributeArgs(name="userId", type="S")],
        stream_enabled=True,
        stream_view_type=view,
    )
    aws.sqs.Queue("reader", name="Reader", tags={"reads": table.stream_arn})


def test_a_preview_shows_that_another_view_type_makes_another_stream(empty_local: EngineStack) -> None:
    empty_local.up(program=partial(program_with_a_stream, "KEYS_ONLY"))
    try:
        steps = empty_local.preview(program=partial(program_with_a_stream, "NEW_AND_OLD_IMAGES"))
    finally:
        empty_local.destroy()

    assert steps.properties == {f"{TABLE} users": ["streamViewType"], f"{QUEUE} reader": ["tags"]}


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("streamBatchSize", None, "userstream:streamBatchSize is not set: must be a whole number from 1 to 10000"),
        ("streamBatchSize", "0", "userstream:streamBatchSize is '0'"),
        ("streamBatchSise", "10", "did you mean userstream:streamBatchSize"),
    ],
)
def test_wrong_settings_end_the_preview_before_any_resource(
    setting: str, value: str | None, message: str, empty_dev: EngineStack
) -> None:
    with pytest.raises(EngineError, match=message) as refused:
        empty_dev.preview(settings={f"userstream:{setting}": value})

    assert refused.value.steps.of_resources() == {}
    assert "Traceback" not in str(refused.value)
