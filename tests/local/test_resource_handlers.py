import base64
import functools
import hashlib
import json
from typing import Any

import pulumi
import pytest
from botocore.exceptions import ClientError

from local.aws_clients import Clients
from local.deploy.handler import MissingPropertyError, Properties
from local.deploy.registry import HANDLERS, UnsupportedTypeError, handler_for
from local.deploy.service_model import UnsupportedPropertyError
from local.deploy.values import archive_bytes
from tests.support.local.resource_examples import EXAMPLES
from tests.support.local.resource_examples.example import API, FUNCTION, LOG_GROUP, QUEUE, TABLE, Dependencies, Example

NEVER_WITHOUT = {
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:sns/topicPolicy:TopicPolicy",
}
"""Buckets always have encryption and versioning, topics a policy, so a deletion resets them. A
validation is its certificate's state."""

every_handler = pytest.mark.parametrize("pulumi_type", sorted(HANDLERS))
every_changeable_handler = pytest.mark.parametrize(
    "pulumi_type",
    sorted(pulumi_type for pulumi_type, handler in HANDLERS.items() if handler.supported - handler.replace_on),
)


@pytest.fixture
def example(pulumi_type: str, dependencies: Dependencies) -> Example:
    return EXAMPLES[pulumi_type](dependencies)


def asked_for(pulumi_type: str, inputs: Properties, properties: Properties) -> Properties:
    """Return the properties that are inputs, which `pulumi refresh` compares."""
    handler = handler_for(pulumi_type)
    return {name: handler.input_of(name, properties) if name in properties else None for name in inputs}


def test_every_handler_has_an_example() -> None:
    assert EXAMPLES.keys() == HANDLERS.keys()


@every_handler
def test_a_new_resource_has_the_properties_that_were_asked_for(
    pulumi_type: str, clients: Clients, example: Example
) -> None:
    handler = handler_for(pulumi_type)
    resource_id, properties = handler.create(clients, example.inputs)
    try:
        assert resource_id
        assert asked_for(pulumi_type, example.inputs, properties) == example.inputs
        live = handler.read(clients, resource_id, properties)
        assert live == properties
    finally:
        handler.delete(clients, resource_id, properties)


@every_changeable_handler
def test_an_update_in_place_changes_the_properties(pulumi_type: str, clients: Clients, example: Example) -> None:
    handler = handler_for(pulumi_type)
    assert example.change
    assert not example.change.keys() & handler.replace_on
    resource_id, old = handler.create(clients, example.inputs)
    try:
        new = handler.update(clients, resource_id, old, example.changed())
        live = handler.read(clients, resource_id, new)
        assert live is not None
        assert asked_for(pulumi_type, example.changed(), live) == example.changed()
    finally:
        handler.delete(clients, resource_id, old)


@every_handler
def test_a_deleted_resource_is_missing_and_can_be_deleted_again(
    pulumi_type: str, clients: Clients, example: Example
) -> None:
    handler = handler_for(pulumi_type)
    resource_id, properties = handler.create(clients, example.inputs)
    handler.delete(clients, resource_id, properties)
    gone = handler.read(clients, resource_id, properties) is None
    assert gone is (pulumi_type not in NEVER_WITHOUT)
    handler.delete(clients, resource_id, properties)


@every_handler
def test_inputs_that_replace_or_are_required_are_supported(pulumi_type: str) -> None:
    handler = handler_for(pulumi_type)
    assert handler.replace_on <= handler.supported
    assert handler.required <= handler.supported


@every_handler
def test_an_unknown_input_is_refused_by_name(pulumi_type: str, clients: Clients, example: Example) -> None:
    with pytest.raises(UnsupportedPropertyError, match="'colour'"):
        handler_for(pulumi_type).create(clients, {**example.inputs, "colour": "red"})


def test_a_missing_required_input_is_refused_by_name(clients: Clients) -> None:
    with pytest.raises(MissingPropertyError, match="'billingMode'"):
        handler_for(TABLE).create(clients, {"name": "T", "hashKey": "k", "attributes": [{"name": "k", "type": "S"}]})


def test_a_type_without_a_handler_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedTypeError, match="aws:ec2/instance:Instance"):
        handler_for("aws:ec2/instance:Instance")


def test_a_value_that_was_changed_by_hand_is_read(clients: Clients, dependencies: Dependencies) -> None:
    queue, group = dependencies.get(QUEUE), dependencies.get(LOG_GROUP)
    clients.sqs.set_queue_attributes(QueueUrl=queue["id"], Attributes={"VisibilityTimeout": "7"})
    clients.logs.put_retention_policy(logGroupName=group["id"], retentionInDays=1)

    live_queue = handler_for(QUEUE).read(clients, queue["id"], queue)
    live_group = handler_for(LOG_GROUP).read(clients, group["id"], group)
    assert live_queue is not None
    assert live_group is not None
    assert (live_queue["visibilityTimeoutSeconds"], live_group["retentionInDays"]) == (7, 1)


def test_an_input_that_was_removed_by_hand_is_missing(clients: Clients, dependencies: Dependencies) -> None:
    table, api = dependencies.get(TABLE), dependencies.get(API)
    assert "corsConfiguration" in api
    expiry: Any = {"Enabled": False, "AttributeName": table["ttl"]["attributeName"]}
    clients.dynamodb.update_time_to_live(TableName=table["id"], TimeToLiveSpecification=expiry)
    clients.apigatewayv2.delete_cors_configuration(ApiId=api["id"])

    live_table = handler_for(TABLE).read(clients, table["id"], table)
    live_api = handler_for(API).read(clients, api["id"], api)
    assert live_table is not None
    assert live_api is not None
    assert "ttl" not in live_table
    assert "corsConfiguration" not in live_api


def test_the_hash_of_a_function_s_code_is_an_output(clients: Clients, dependencies: Dependencies) -> None:
    handler, example = handler_for(FUNCTION), EXAMPLES[FUNCTION](dependencies)
    resource_id, old = handler.create(clients, example.inputs)
    try:
        assert old["sourceCodeHash"] == _hash(example.inputs["code"])
        edited = pulumi.AssetArchive({"handler.py": pulumi.StringAsset("def handler(e, c): return 1\n")})
        new = handler.update(clients, resource_id, old, {**example.inputs, "code": edited})
        assert new["sourceCodeHash"] == _hash(edited) != old["sourceCodeHash"]
    finally:
        handler.delete(clients, resource_id, old)


def _hash(archive: object) -> str:
    return base64.b64encode(hashlib.sha256(archive_bytes(archive)).digest()).decode()


def test_a_mapping_is_enabled_as_the_program_says(clients: Clients, dependencies: Dependencies) -> None:
    mapping_type = "aws:lambda/eventSourceMapping:EventSourceMapping"
    handler, example = handler_for(mapping_type), EXAMPLES[mapping_type](dependencies)
    resource_id, properties = handler.create(clients, example.inputs)
    try:
        assert properties["enabled"] is True
        assert clients.lambda_.get_event_source_mapping(UUID=resource_id)["State"] == "Enabled"

        properties = handler.update(clients, resource_id, properties, {**example.inputs, "enabled": False})
        assert properties["enabled"] is False
        assert clients.lambda_.get_event_source_mapping(UUID=resource_id)["State"] == "Disabled"
    finally:
        handler.delete(clients, resource_id, properties)


@pytest.mark.parametrize("account", ["000000000000", "123456789012"])
def test_a_role_is_assumed_only_for_the_account_that_its_trust_names(account: str, clients: Clients) -> None:
    handler = handler_for("aws:iam/role:Role")
    lambda_assumes = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    trust = {"Statement": [{**lambda_assumes, "Condition": {"StringEquals": {"aws:SourceAccount": account}}}]}
    resource_id, properties = handler.create(
        clients, {"name": f"Role-{account}", "assumeRolePolicy": json.dumps({"Version": "2012-10-17", **trust})}
    )
    try:
        assume = functools.partial(clients.sts.assume_role, RoleArn=properties["arn"], RoleSessionName="lambda")
        if account == clients.account_id:
            assert assume()["Credentials"]
        else:
            with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
                assume()
    finally:
        handler.delete(clients, resource_id, properties)
