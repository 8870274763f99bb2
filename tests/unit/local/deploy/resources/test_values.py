import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.json_log import is_array, is_object
from local.deploy.resources.values import (
    lower_keys,
    plain_values,
    present,
    same_document,
    tag_changes,
    tag_list,
    tag_map,
    upper_keys,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
CAMEL = st.from_regex(r"[a-z][a-zA-Z0-9]{0,6}", fullmatch=True)
CAMEL_KEYS = st.recursive(
    st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CAMEL, inner, max_size=3),
    max_leaves=15,
)
TAGS = st.dictionaries(st.text(min_size=1, max_size=3), st.text(max_size=3), max_size=5)


def as_wire(value: Any) -> Any:
    """A value as it comes over Pulumi's wire: every number a double."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if is_object(value):
        return {key: as_wire(item) for key, item in value.items()}
    return [as_wire(item) for item in value] if is_array(value) else value


@given(JSON)
def test_whole_numbers_come_back_from_the_wire_as_they_were(value: Any) -> None:
    assert plain_values(as_wire(value)) == plain_values(value)


@given(JSON)
def test_no_whole_double_and_no_absent_key_is_left(value: Any) -> None:
    def check(plain: Any) -> None:
        assert not (isinstance(plain, float) and plain.is_integer())
        if is_object(plain):
            assert None not in plain.values()
        for item in plain.values() if is_object(plain) else plain if is_array(plain) else ():
            check(item)

    check(plain_values(value))


@given(CAMEL_KEYS)
def test_keys_go_to_the_services_case_and_back(value: Any) -> None:
    assert lower_keys(upper_keys(value)) == value


@given(st.dictionaries(st.text(), JSON), st.integers(0, 4))
def test_a_document_spelled_otherwise_is_the_same(document: dict[str, Any], indent: int) -> None:
    known = json.dumps(document)
    assert same_document(known, json.dumps(document, indent=indent, sort_keys=True)) == known


def test_a_document_that_differs_is_the_services() -> None:
    assert json.loads(same_document('{"a": 1}', {"a": 2})) == {"a": 2}
    assert json.loads(same_document(None, '{"a": 2}')) == {"a": 2}


@given(TAGS)
def test_tags_go_to_the_services_form_and_back(tags: dict[str, str]) -> None:
    assert tag_map(tag_list(tags)) == tags


@given(TAGS, TAGS)
def test_applying_the_changes_of_tags_gives_the_new_ones(before: dict[str, str], after: dict[str, str]) -> None:
    removed, added = tag_changes({"tags": before}, {"tags": after})
    assert {key: value for key, value in before.items() if key not in removed} | added == after
    assert not set(removed) & added.keys()


def test_parameters_without_a_value_are_left_out() -> None:
    assert present(a=1, b=None, c=False) == {"a": 1, "c": False}
