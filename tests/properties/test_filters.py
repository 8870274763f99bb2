"""Filters over any pattern and record, against what a pattern says when read as a sentence."""

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from delivery.filters import StreamFilter
from functions.runtime.json_log import Json, is_array, is_object

KEYS = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(["", "x", "X", "xy", "yx", "1"])
NUMBERS = st.integers(-2, 2)
SCALARS = st.none() | st.booleans() | TEXTS | NUMBERS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(SCALARS, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=3)
RULES = st.one_of(
    SCALARS,
    *(st.fixed_dictionaries({name: TEXTS}) for name in ("prefix", "suffix", "equals-ignore-case")),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries({"anything-but": st.lists(TEXTS | NUMBERS, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"numeric": st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), NUMBERS).map(list)}),
)
PATTERNS = st.recursive(
    st.dictionaries(KEYS, st.lists(RULES, min_size=1, max_size=2), min_size=1, max_size=2),
    lambda inner: (
        st.dictionaries(KEYS, inner, min_size=1, max_size=2)
        | st.fixed_dictionaries({"$or": st.lists(inner, min_size=2, max_size=2)})
    ),
    max_leaves=5,
)


def paths(value: Json, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Json]]:
    """Return each leaf of a record with its path; a list's elements have the list's path."""
    if is_object(value):
        return [leaf for key, each in value.items() for leaf in paths(each, (*path, key))]
    if is_array(value):
        return [leaf for each in value for leaf in paths(each, path)]
    return [(path, value)]


def same(leaf: Any, value: Any) -> bool:
    return type(leaf) is type(value) and leaf == value


def satisfies(rule: Any, leaves: list[Any]) -> bool:
    if not is_object(rule):
        return any(same(leaf, rule) for leaf in leaves)
    ((operator, operand),) = rule.items()
    texts = [leaf for leaf in leaves if isinstance(leaf, str)]
    numbers = [leaf for leaf in leaves if isinstance(leaf, int) and not isinstance(leaf, bool)]
    compare = {
        "exists": lambda: bool(leaves) == operand,
        "prefix": lambda: any(text[: len(operand)] == operand for text in texts),
        "suffix": lambda: any(text[len(text) - len(operand) :] == operand for text in texts),
        "equals-ignore-case": lambda: any(text.upper() == operand.upper() for text in texts),
        "anything-but": lambda: any(not any(same(leaf, each) for each in operand) for leaf in leaves),
        "numeric": lambda: any(
            {"=": sign == 0, "<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[operand[0]]
            for sign in (number - operand[1] for number in numbers)
        ),
    }
    return compare[operator]()


def model(pattern: dict[str, Any], leaves: list[tuple[tuple[str, ...], Any]], path: tuple[str, ...] = ()) -> bool:
    """Say whether a record without objects in lists matches: each path by itself."""
    for key, rule in pattern.items():
        place = (*path, key)
        if key == "$or":
            if not any(model(each, leaves, path) for each in rule):
                return False
        elif is_object(rule):
            if not model(rule, leaves, place):
                return False
        elif not any(satisfies(each, [leaf for at, leaf in leaves if at == place]) for each in rule):
            return False
    return True


@given(patterns=st.lists(PATTERNS, max_size=3), record=RECORDS)
def test_a_record_goes_to_the_function_if_one_pattern_says_so(
    patterns: list[dict[str, Any]], record: dict[str, Any]
) -> None:
    admitted = StreamFilter([json.dumps(pattern) for pattern in patterns]).admits(json.dumps(record).encode())
    assert admitted == (not patterns or any(model(pattern, paths(record)) for pattern in patterns))
