from typing import Any

import pytest
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.session import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.deploy.handler import ResourceHandler
from local.deploy.registry import HANDLERS
from local.deploy.service_model import (
    UnsupportedPropertyError,
    members_by_property,
    pulumi_name,
    to_parameters,
    to_properties,
)

SESSION = Session()


def service_of(handler: ResourceHandler) -> str:
    return handler.service or handler.pulumi_type.split(":")[1].split("/")[0]


OPERATIONS = sorted({(service_of(handler), handler.operations.split()[0]) for handler in HANDLERS.values()})


def operation(service: str, name: str) -> OperationModel:
    return SESSION.get_service_model(service).operation_model(name)


def input_shape(service: str, name: str) -> StructureShape:
    shape = operation(service, name).input_shape
    assert shape is not None
    return shape


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ("StageName", "stageName"),
        ("logGroupName", "logGroupName"),
        ("OKActions", "okActions"),
        ("IsIPV6Enabled", "isIpv6Enabled"),
        ("KMSMasterKeyID", "kmsMasterKeyId"),
        ("SSEAlgorithm", "sseAlgorithm"),
        ("S3OriginConfig", "s3OriginConfig"),
        ("XSSProtection", "xssProtection"),
        ("ID", "id"),
        ("UUID", "uuid"),
    ],
)
def test_a_member_is_named_as_in_the_aws_provider(member: str, name: str) -> None:
    assert pulumi_name(member) == name


def of_shape(shape: Shape, depth: int = 3) -> st.SearchStrategy[Any]:
    """Return a strategy for values of a property, as a program gives them."""
    if isinstance(shape, StructureShape):
        members = {name: shape.members[member] for name, member in members_by_property(shape, {}).items()}
        if members.keys() in ({"items"}, {"items", "quantity"}):
            return of_shape(members["items"], depth - 1)
        optional = {
            name: of_shape(member, depth - 1)
            for name, member in members.items()
            if name != "quantity" and (depth > 0 or not isinstance(member, StructureShape | ListShape | MapShape))
        }
        return st.fixed_dictionaries({}, optional=optional)
    if isinstance(shape, ListShape):
        if isinstance(shape.member, StructureShape) and shape.member.members.keys() in (
            {"Key", "Value"},
            {"Name", "Value"},
        ):
            return st.dictionaries(st.text(max_size=3), st.text(max_size=3), min_size=1, max_size=2)
        return st.lists(of_shape(shape.member, depth - 1), min_size=1, max_size=2)
    if isinstance(shape, MapShape):
        return st.dictionaries(st.text(max_size=3), of_shape(shape.value, depth - 1), max_size=2)
    return st.integers() | st.text(max_size=3) | st.booleans()


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
@given(data=st.data())
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_translating_to_the_service_and_back_changes_nothing(service: str, name: str, data: st.DataObject) -> None:
    shape = input_shape(service, name)
    properties = data.draw(of_shape(shape))
    assert to_properties(shape, to_parameters(shape, properties, {}), {}) == properties


def test_tags_are_a_map_in_the_form_of_each_service() -> None:
    tags = {"tags": {"a": "1", "b": "2"}}
    as_list = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert to_parameters(input_shape("iam", "TagRole"), tags, {}) == {"Tags": as_list}
    assert to_parameters(input_shape("lambda", "TagResource"), tags, {}) == {"Tags": tags["tags"]}
    assert to_parameters(input_shape("cloudfront", "TagResource"), tags, {}) == {"Tags": {"Items": as_list}}


def test_a_list_for_cloudfront_has_its_quantity() -> None:
    config = input_shape("cloudfront", "UpdateDistribution").members["DistributionConfig"]
    sent = to_parameters(config, {"aliases": ["a.example"], "origins": []}, {})
    assert sent == {"Aliases": {"Quantity": 1, "Items": ["a.example"]}, "Origins": {"Quantity": 0}}


def test_a_nested_property_that_the_service_does_not_have_is_refused_by_its_path() -> None:
    cors = {"corsConfiguration": {"allowOrigins": ["*"], "allowColours": ["red"]}}
    with pytest.raises(UnsupportedPropertyError, match=r"'corsConfiguration\.allowColours'"):
        to_parameters(input_shape("apigatewayv2", "CreateApi"), cors, {})


def test_a_value_of_the_wrong_type_is_unchanged_so_that_botocore_refuses_it() -> None:
    assert to_parameters(input_shape("lambda", "CreateFunction"), {"environment": "A=1"}, {}) == {"Environment": "A=1"}


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=list(HANDLERS))
def test_a_table_names_only_operations_and_members_that_the_service_has(handler: ResourceHandler) -> None:
    tag_operations = handler.tag_operations if "tags" in handler.supported - handler.separate.keys() else ()
    separate = [each for pair in handler.separate.values() for each in pair]
    names = {*handler.operations.split(), *tag_operations, *separate}
    operations = [operation(service_of(handler), name) for name in names - {"", "-"}]
    top_level = {member for each in operations for member in (each.input_shape.members if each.input_shape else ())}
    shapes = SESSION.get_service_model(service_of(handler))
    anywhere = {
        member
        for name in shapes.shape_names
        if isinstance(shape := shapes.shape_for(name), StructureShape)
        for member in shape.members
    }

    assert handler.parameters.keys() <= top_level
    assert handler.renamed.keys() <= anywhere
    assert {handler.wrapper} - {""} <= top_level
