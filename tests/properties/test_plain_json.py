"""A log line holds exactly what was logged, and no value makes it fail."""

import json
from base64 import b64decode
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.runtime.json_log import exact_number, json_line, reusable_encoder
from functions.stream_records.attribute_values import PlainValue
from tests.support.records.record_strategies import numbers, plain_values


@given(numbers() | st.decimals())
@example(Decimal(9007199254740993))
@example(Decimal("0.1"))
@example(Decimal("1E+400"))
@example(Decimal("0.30000000000000004"))
@example(Decimal("-0"))
def test_a_number_is_exact_for_every_json_reader(number: Decimal) -> None:
    written = json.loads(json_line(number))  # a reader that knows doubles only
    if isinstance(written, str):
        assert Decimal(written).compare_total(number) == 0
    else:
        assert Decimal(repr(written)) == number
        assert written == float(number)


def test_numbers_that_a_double_holds_are_json_numbers() -> None:
    assert exact_number(Decimal("1.50")) == 1.5
    assert exact_number(Decimal(-12)) == -12
    assert exact_number(Decimal("1E+20")) == 1e20
    assert exact_number(Decimal(2**53 + 1)) == str(2**53 + 1)
    assert exact_number(Decimal("0.12345678901234567890")) == "0.12345678901234567890"


@given(plain_values())
def test_every_dynamodb_value_has_a_json_form(value: PlainValue) -> None:
    line = json_line({"value": value})
    assert line.isascii()
    assert "\n" not in line
    json.loads(line)


def test_sets_are_sorted_and_binary_is_base64() -> None:
    shown = json.loads(json_line({"tags": {"b", "a"}, "numbers": {Decimal(2), Decimal("1.5")}, "photo": b"\x01\x02"}))
    assert shown == {"tags": ["a", "b"], "numbers": [1.5, 2], "photo": "AQI="}
    assert b64decode(shown["photo"]) == b"\x01\x02"


class _Silent:
    def __str__(self) -> str:
        raise RuntimeError("no words")


def _endless() -> list[Any]:
    circle: list[Any] = []
    circle.append({"again": circle})
    return circle


def _deep() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


odd_values = st.recursive(
    st.none()
    | st.floats()
    | st.text()
    | st.binary()
    | st.complex_numbers()
    | st.just(float("nan"))
    | st.builds(object)
    | st.builds(_Silent)
    | st.just(ValueError("told")),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.none() | st.integers() | st.text() | st.tuples(st.integers()) | st.binary(), inner)
        | st.sets(st.integers() | st.text() | st.binary() | st.none() | st.tuples(st.integers()))
    ),
)


@given(odd_values)
@example("\ud800 alone")
def test_no_value_makes_a_line_fail(value: object) -> None:
    json.loads(json_line({"value": value}))


@pytest.mark.parametrize("made_otherwise", [None, lambda: None], ids=["missing", "other arguments"])
def test_an_interpreter_without_the_same_c_encoder_writes_the_same(
    monkeypatch: pytest.MonkeyPatch, made_otherwise: object
) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", made_otherwise)
    encode = reusable_encoder(json.JSONEncoder(separators=(",", ":")))
    monkeypatch.undo()
    assert encode({"a": [1, "é"]}) == '{"a":[1,"\\u00e9"]}'


@pytest.mark.parametrize("value", [_endless(), _deep()], ids=["contains itself", "too deep"])
def test_circular_and_deep_values_make_no_line_fail(value: object) -> None:
    assert "nested deeper" in json_line({"value": value})
