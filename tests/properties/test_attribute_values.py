"""Unmarshalling of every DynamoDB type is exact both ways and agrees with boto3's."""

import re
from base64 import b64decode, b64encode
from decimal import Decimal
from typing import Any, cast

import pytest
from boto3.dynamodb.types import Binary, TypeDeserializer
from hypothesis import example, given

from functions.runtime.json_log import Json, is_array, is_object
from functions.stream_records.attribute_values import (
    MAXIMUM_DEPTH,
    AttributeValue,
    MalformedValueError,
    PlainValue,
    convert_binary,
    same_value,
    unmarshal,
    unmarshal_image,
)
from tests.support.records.record_strategies import attribute_values, numbers, plain_values
from tests.support.records.typed_values import marshal


@given(plain_values())
@example(Decimal(12345678901234567890123456789012345678))
@example(Decimal("-1E-130"))
@example({b"\x00", b""})
def test_a_plain_value_comes_back_as_it_was(plain: PlainValue) -> None:
    assert unmarshal(marshal(plain)) == plain


@given(numbers())
def test_every_digit_of_a_number_is_kept(number: Decimal) -> None:
    back = unmarshal({"N": str(number)})
    assert Decimal(back).as_tuple() == number.as_tuple()


@given(attribute_values())
def test_boto3_reads_the_same_values(typed: AttributeValue) -> None:
    assert _plain(TypeDeserializer().deserialize(cast("Any", convert_binary(typed, b64decode)))) == unmarshal(typed)


def _plain(value: Json) -> Json:
    """Replace boto3's Binary by bytes: in sets the two aren't equal."""
    if is_object(value):
        return {name: _plain(member) for name, member in value.items()}
    if is_array(value):
        return [_plain(element) for element in value]
    if isinstance(value, set):
        return {_plain(element) for element in cast("set[Json]", value)}
    return bytes(cast("Any", value)) if isinstance(value, Binary) else value


@given(attribute_values(), attribute_values())
def test_same_value_compares_plain_values(first: AttributeValue, second: AttributeValue) -> None:
    assert same_value(first, first)
    if same_value(first, second):
        assert unmarshal(first) == unmarshal(second)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"N": "1.50"}, {"N": "1.5"}, True),
        ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}, True),
        ({"NS": ["1", "2.0"]}, {"NS": ["2", "1"]}, True),
        ({"M": {"a": {"L": [{"NS": ["1", "2"]}]}}}, {"M": {"a": {"L": [{"NS": ["2", "1"]}]}}}, True),
        ({"N": "1"}, {"BOOL": True}, False),
        ({"L": [{"N": "1"}]}, {"L": [{"BOOL": True}]}, False),
        ({"M": {"a": {"N": "0"}}}, {"M": {"a": {"BOOL": False}}}, False),
        ({"S": "AQI="}, {"B": "AQI="}, False),
        ({"L": [{"S": "a"}]}, {"L": [{"S": "a"}, {"S": "b"}]}, False),
        ({"M": {"a": {"S": "x"}}}, {"M": {"b": {"S": "x"}}}, False),
        ({"N": "9007199254740993"}, {"N": "9007199254740992"}, False),
    ],
)
def test_same_value(first: AttributeValue, second: AttributeValue, same: bool) -> None:  # noqa: FBT001  a table's column
    assert same_value(first, second) is same


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        (None, "found null"),
        ("text", "found a string"),
        ([], "found a list"),
        ({}, "found an object"),
        ({"S": "a", "N": "1"}, "found an object"),
        ({"X": "a"}, "expected one of S, N, B, BOOL, NULL, M, L, SS, NS, BS"),
        ({"S": 1}, "S must hold a string, not a number"),
        ({"S": None}, "S must hold a string, not null"),
        ({"N": 1}, "N must hold a number written as a string, not a number"),
        ({"N": "NaN"}, "N must hold a number"),
        ({"N": "1_000"}, "N must hold a number"),
        ({"N": " 1"}, "N must hold a number"),
        ({"N": "1E9999"}, "N must hold a number"),
        ({"N": "\uff11"}, "N must hold a number"),
        ({"B": 1}, "B must hold base64 text, not a number"),
        ({"B": "é"}, "B must hold base64 text"),
        ({"B": "AQ"}, "B must hold base64 text"),
        ({"BOOL": 1}, "BOOL must hold true or false, not a number"),
        ({"NULL": False}, "NULL must hold true, not a boolean"),
        ({"M": []}, "M must hold an object, not a list"),
        ({"L": {}}, "L must hold a list, not an object"),
        ({"SS": []}, "SS must hold a list of at least one"),
        ({"SS": [1]}, "S must hold a string, not a number"),
        ({"NS": "1"}, "NS must hold a list of at least one element, not a string"),
        ({"L": [{"M": {"a": {"Q": 1}}}]}, "expected one of"),
    ],
)
def test_what_dynamodb_never_sends_is_refused(typed: Json, complaint: str) -> None:
    with pytest.raises(MalformedValueError, match=re.escape(complaint)):
        unmarshal(typed)


def test_an_image_names_the_attribute_that_is_wrong() -> None:
    with pytest.raises(MalformedValueError, match="attribute colour: S must hold a string"):
        unmarshal_image({"size": {"N": "1"}, "colour": {"S": 1}})
    with pytest.raises(MalformedValueError, match="expected an object of attributes, found a list"):
        unmarshal_image([])


@pytest.mark.parametrize(
    "typed",
    [
        {"N": "xSECRET"},
        {"B": "!SECRET"},
        {"S": ["SECRET"]},
        {"SECRET": "SECRET", "S": "SECRET"},
        {"SS": "SECRET"},
        "SECRET",
    ],
)
def test_an_error_never_shows_content(typed: Json) -> None:
    with pytest.raises(MalformedValueError) as caught:
        unmarshal(typed)
    assert "SECRET" not in str(caught.value)


def test_values_nest_as_deep_as_dynamodb_allows_and_no_deeper() -> None:
    deepest: AttributeValue = {"S": "core"}
    for _ in range(MAXIMUM_DEPTH):
        deepest = {"L": [deepest]}
    assert unmarshal(deepest)
    with pytest.raises(MalformedValueError, match="nest deeper than the 32 levels"):
        unmarshal({"M": {"more": deepest}})


@pytest.mark.parametrize("value", [1.5, set[str](), {"a", 1}, object(), (1,), bytearray(b"x")])
def test_a_value_without_a_dynamodb_type_is_not_marshalled(value: PlainValue) -> None:
    with pytest.raises(TypeError, match="DynamoDB"):
        marshal(value)


@given(attribute_values())
def test_binary_converts_to_bytes_and_back(typed: AttributeValue) -> None:
    assert convert_binary(convert_binary(typed, b64decode), lambda content: b64encode(content).decode()) == typed
