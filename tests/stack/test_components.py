"""Conventions that every component and every resource of every stack follows."""

import inspect
import runpy
from collections.abc import Sequence
from typing import Any

import pulumi_aws as aws
import pytest

from infra.components.change_stream import ChangeStream
from infra.components.failed_records import FailedRecords
from infra.components.lambda_function import LambdaFunction
from infra.components.monitoring import Monitoring
from infra.components.private_bucket import PrivateBucket
from infra.components.queue_consumer import QueueConsumer
from infra.components.user_api import UserApi
from infra.components.user_changes_topic import UserChangesTopic
from infra.components.user_events import UserEvents
from infra.components.users_store import UsersStore
from infra.components.website import Website, WebsiteConfig
from infra.naming import PROJECT_ROOT
from infra.outputs import StackOutputs, output_names
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import UNKNOWN, RecordedResource, record

STACKS = ["dev", "prod", "local"]

COMPONENTS: Sequence[type[Any]] = [
    ChangeStream,
    FailedRecords,
    LambdaFunction,
    Monitoring,
    PrivateBucket,
    QueueConsumer,
    UserApi,
    UserEvents,
    UserChangesTopic,
    UsersStore,
    Website,
    WebsiteConfig,
]


def components(stack: str) -> list[RecordedResource]:
    return [resource for resource in record(stack).resources if resource.is_component]


def test_the_program_consists_of_these_components() -> None:
    tokens = {component.type for stack in STACKS for component in components(stack)}

    assert tokens == {f"userstream:infra:{component.__name__}" for component in COMPONENTS}


@pytest.mark.parametrize("stack", STACKS)
def test_only_components_are_direct_children_of_the_stack(stack: str) -> None:
    loose = [
        resource.urn
        for resource in record(stack).resources
        if not resource.is_component and resource.parent.endswith(f"::userstream-{stack}")
    ]

    assert loose == []


@pytest.mark.parametrize("stack", STACKS)
def test_every_component_registers_outputs(stack: str) -> None:
    for component in components(stack):
        assert component.outputs, f"{component.name} registered no outputs"
        assert UNKNOWN not in component.outputs.values()


def test_a_component_s_outputs_are_its_resources_names_and_arns() -> None:
    outputs = {(component.type.split(":")[-1], component.name): component.outputs for component in components("dev")}

    assert outputs["UsersStore", "users-store"] == {
        "usersTableName": "Users-dev",
        "userKeysTableName": "UserKeys-dev",
        "activityTableName": "Activity-dev",
        "usersStreamArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/Users-dev/stream/2026-01-01T00:00:00.000",
    }
    assert outputs["LambdaFunction", "register-user"] == {
        "functionName": "RegisterUserFunction-dev",
        "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:RegisterUserFunction-dev",
        "aliasArn": "arn:aws:lambda:eu-west-1:123456789012:function:RegisterUserFunction-dev:live",
        "roleArn": "arn:aws:iam::123456789012:role/RegisterUserFunction-dev-eu-west-1",
        "logGroupName": "/aws/lambda/RegisterUserFunction-dev",
    }


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_takes_a_name_frozen_keyword_arguments_and_options(component: type[Any]) -> None:
    parameters = inspect.signature(component.__init__).parameters

    assert list(parameters) == ["self", "name", "args", "opts"]
    args = parameters["args"].annotation
    assert args.__dataclass_params__.frozen
    assert not any(
        parameter.kind is not inspect.Parameter.KEYWORD_ONLY
        for name, parameter in inspect.signature(args).parameters.items()
        if name != "self"
    )


@pytest.mark.parametrize("stack", STACKS)
def test_every_tagged_resource_has_the_required_tags(stack: str) -> None:
    for resource in record(stack).resources:
        if "tags" in resource.inputs:
            assert (
                resource.inputs["tags"].items()
                >= {
                    "project": "userstream",
                    "environment": stack,
                    "managedBy": "pulumi",
                }.items()
            )


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_that_takes_tags_has_some(stack: str) -> None:
    # An S3 object takes ten tags, fewer than the settings allow; its bucket has them.
    without = {"aws:s3/bucketObjectv2:BucketObjectv2"}
    for resource in record(stack).resources:
        if not resource.is_component and resource.type not in without and "tags" in parameters_of(resource.type):
            assert "tags" in resource.inputs, resource.urn


def parameters_of(type_token: str) -> set[str]:
    """Return the inputs of the provider's class of a type."""
    _, module, name = type_token.split(":")
    service = module.split("/")[0]
    package: Any = getattr(aws, {"lambda": "lambda_"}.get(service, service))
    return set(inspect.signature(getattr(package, name)._internal_init).parameters)


@pytest.mark.parametrize("stack", STACKS)
def test_the_stack_exports_exactly_the_outputs_of_the_contract(stack: str) -> None:
    outputs = record(stack).outputs

    # Pulumi drops an output that is null, as websiteUrl is without a site.
    optional = {field.alias for field in StackOutputs.model_fields.values() if not field.is_required()}
    assert set(output_names()) - set(outputs) <= optional
    contract = StackOutputs.model_validate(outputs)
    assert contract.environment == stack
    assert contract.api_url == "https://api-id.execute-api.eu-west-1.amazonaws.com"


def test_the_cli_s_entry_point_runs_the_same_program() -> None:
    def entry_point() -> None:
        runpy.run_path(str(PROJECT_ROOT / "__main__.py"))

    by_the_cli = record("dev", config=own_config("dev"), program=entry_point)

    assert by_the_cli.outputs == record("dev").outputs
    assert [resource.urn for resource in by_the_cli.resources] == [resource.urn for resource in record("dev").resources]


def test_a_first_preview_knows_the_names_and_leaves_what_aws_assigns_unknown() -> None:
    for stack in STACKS:
        preview, update = record(stack, preview=True), record(stack)

        assert [resource.urn for resource in preview.resources] == [resource.urn for resource in update.resources]
        assert preview.outputs["apiUrl"] == preview.outputs["usersStreamArn"] == UNKNOWN
        assert preview.outputs["usersTableName"] == f"Users-{stack}"


def test_a_preview_leaves_a_policy_with_unknown_arns_unknown() -> None:
    policy = record("dev", preview=True).only("aws:iam/rolePolicy:RolePolicy", "register-user-policy")

    assert policy.inputs["policy"] == UNKNOWN
    assert policy.inputs["name"] == "RegisterUserFunction-dev"
