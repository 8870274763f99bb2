"""Filter patterns: each documented operator, the body of messages, and what is refused."""

import json
from typing import Any

import pytest

from delivery.filters import MessageFilter, StreamFilter, UnsupportedPatternError


def admits(pattern: dict[str, Any], record: str) -> bool:
    return StreamFilter([json.dumps(pattern)]).admits(record.encode())


@pytest.mark.parametrize(
    ("rule", "matching", "others"),
    [
        # The examples of the guide's table, and the edges beside them.
        ([None], ["null"], ['""', "0", "false", '"null"']),
        ([""], ['""'], ["null", '" "']),
        (["Alice"], ['"Alice"', '["Bob", "Alice"]'], ['"alice"', '"Alice "', "null", '{"Alice": 1}']),
        ([{"equals-ignore-case": "alice"}], ['"ALICE"', '"alice"'], ['"alic"', "5"]),
        (["New York", "Paris"], ['"Paris"'], ['"Rome"']),
        ([True], ["true"], ['"true"', "1", "false"]),
        ([{"anything-but": ["Rain"]}], ['"Sun"', "5", "null"], ['"Rain"']),
        ([{"anything-but": "Rain"}], ['"Sun"'], ['"Rain"']),
        ([{"anything-but": [100]}], ["101", '"100"'], ["100"]),
        ([{"numeric": ["=", 100]}], ["100", "100.0", "1e2"], ["101", '"100"']),
        ([{"numeric": [">", 10, "<=", 20]}], ["10.5", "20"], ["10", "20.001", "-15"]),
        ([{"exists": True}], ["0", "null", '""', "[1]"], ['{"leaf": 1}', "[]"]),
        ([{"prefix": "us-"}], ['"us-east-1"'], ['"eu-us-"', '"US-"', "5"]),
        ([{"suffix": ".png"}], ['"a.png"'], ['"a.png "', "5"]),
        # "300 and 300.0 are not equal."
        ([300], ["300"], ["300.0", "3.0e2", '"300"']),
        (["a", {"prefix": "b"}], ['"a"', '"bc"'], ['"c"']),
    ],
)
def test_a_rule_matches_what_the_guide_says(rule: list[Any], matching: list[str], others: list[str]) -> None:
    for value in matching:
        assert admits({"key": rule}, f'{{"key": {value}}}'), value
    for value in others:
        assert not admits({"key": rule}, f'{{"key": {value}}}'), value


def test_what_is_not_there_matches_only_a_rule_that_it_does_not_exist() -> None:
    for absent in ("{}", '{"key": {}}', '{"key": {"leaf": 1}}', '{"key": []}'):
        assert admits({"key": [{"exists": False}]}, absent)
        assert not admits({"key": [{"exists": True}]}, absent)
        assert not admits({"key": [{"anything-but": ["x"]}]}, absent)
    assert admits({"key": {"inner": [{"exists": False}]}}, "{}")
    assert not admits({"key": {"inner": [{"exists": False}]}}, '{"key": {"inner": null}}')


def test_keys_beside_each_other_all_match_and_patterns_are_alternatives() -> None:
    both = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": ["ADDED"]}}}}
    added = '{"eventName": "INSERT", "dynamodb": {"NewImage": {"kind": {"S": "ADDED"}}}}'
    assert admits(both, added)
    assert not admits(both, added.replace("INSERT", "MODIFY"))
    assert not admits(both, added.replace("ADDED", "DELETED"))
    either = StreamFilter(['{"eventName": ["REMOVE"]}', '{"eventName": ["INSERT"]}'])
    assert either.admits(added.encode())
    assert not either.admits(added.replace("INSERT", "MODIFY").encode())
    assert StreamFilter([]).admits(b"{}")


def test_or_needs_one_of_its_patterns_beside_the_other_keys() -> None:
    pattern = {"place": ["Rome"], "$or": [{"day": ["Monday"]}, {"month": [{"numeric": [">", 10]}]}]}
    assert admits(pattern, '{"place": "Rome", "day": "Monday"}')
    assert admits(pattern, '{"place": "Rome", "month": 11}')
    assert not admits(pattern, '{"place": "Rome", "month": 9}')
    assert not admits(pattern, '{"place": "Oslo", "day": "Monday"}')


def test_an_object_in_an_array_matches_by_itself() -> None:
    pattern = {"L": {"name": ["a"], "age": [1]}}
    assert admits(pattern, '{"L": [{"name": "b"}, {"name": "a", "age": 1}]}')
    assert not admits(pattern, '{"L": [{"name": "a"}, {"age": 1}]}')


@pytest.mark.parametrize(
    ("body", "pattern", "goes"),
    [
        ("plain", ["plain"], True),
        ("other", ["plain"], False),
        ("plain", [{"prefix": "pl"}], True),
        ('{"kind": "ADDED"}', {"kind": ["ADDED"]}, True),
        ('{"kind": "DELETED"}', {"kind": ["ADDED"]}, False),
        ("plain", {"kind": [{"exists": False}]}, False),
        ('{"kind": "ADDED"}', [{"prefix": "{"}], False),
        ("5", ["5"], True),
        ("{broken", {"kind": ["ADDED"]}, False),
    ],
)
def test_a_body_is_compared_in_its_own_form(body: str, pattern: Any, goes: bool) -> None:  # noqa: FBT001  a parameter
    assert MessageFilter([json.dumps({"body": pattern})]).admits(body) is goes


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("{", "isn't JSON"),
        ("[1]", "isn't a JSON object"),
        ("{}", "empty"),
        ('{"a": "x"}', "a needs an object, or an array"),
        ('{"a": []}', "a needs an object, or an array"),
        ('{"a": {}}', "a is empty"),
        ('{"a": [["x"]]}', "array within its array"),
        ('{"a": {"b": [{"wildcard": "*"}]}}', r'a\.b has {"wildcard": "\*"}'),
        ('{"a": [{"anything-but": {"prefix": "x"}}]}', "anything-but"),
        ('{"a": [{"cidr": "10.0.0.0/24"}]}', "cidr"),
        ('{"a": [{"prefix": {"equals-ignore-case": "x"}}]}', "prefix"),
        ('{"a": [{"numeric": ["!", 5]}]}', "numeric"),
        ('{"a": [{"numeric": [">", 5, "<"]}]}', "numeric"),
        ('{"a": [{"numeric": [">", "5"]}]}', "numeric"),
        ('{"a": [{"exists": "yes"}]}', "exists"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "2 operators"),
        ('{"$or": [{"a": ["x"]}]}', "at least two"),
        ('{"a": ["' + "x" * 4096 + '"]}', "longer than 4096"),
    ],
)
def test_another_pattern_is_refused_by_name(pattern: str, complaint: str) -> None:
    with pytest.raises(UnsupportedPatternError, match=complaint):
        StreamFilter([pattern])


def test_messages_are_filtered_by_their_body_alone() -> None:
    for pattern in ('{"messageAttributes": {"a": ["b"]}}', '{"body": ["a"], "awsRegion": ["b"]}'):
        with pytest.raises(UnsupportedPatternError, match="body alone"):
            MessageFilter([pattern])


def test_more_than_ten_patterns_are_refused() -> None:
    with pytest.raises(UnsupportedPatternError, match="11 patterns"):
        StreamFilter(['{"a": ["x"]}'] * 11)
