import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.json_log import is_array, is_object
from local.deploy.resources.values import (
    fill,
    plain_values,
    read_template,
    same_document,
    tag_changes,
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


@given(st.dictionaries(st.text(), JSON), st.integers(0, 4))
def test_a_document_spelled_otherwise_is_the_same(document: dict[str, Any], indent: int) -> None:
    known = json.dumps(document)
    assert same_document(known, json.dumps(document, indent=indent, sort_keys=True)) == known


def test_a_document_that_differs_is_the_services() -> None:
    assert json.loads(same_document('{"a": 1}', {"a": 2})) == {"a": 2}
    assert json.loads(same_document(None, '{"a": 2}')) == {"a": 2}


@given(TAGS, TAGS)
def test_applying_the_changes_of_tags_gives_the_new_ones(before: dict[str, str], after: dict[str, str]) -> None:
    removed, added = tag_changes({"tags": before}, {"tags": after})
    assert {key: value for key, value in before.items() if key not in removed} | added == after
    assert not set(removed) & added.keys()


ROLE = st.from_regex(r"[\w+=,.@-]{1,8}", fullmatch=True)
ARN = st.from_regex(r"arn:aws:iam::[0-9]{12}:policy/[a-z]{1,6}(/[a-z]{1,6})?", fullmatch=True)


@given(ROLE, ARN)
def test_an_id_gives_back_the_inputs_it_was_made_of(role: str, policy_arn: str) -> None:
    inputs = {"role": role, "policyArn": policy_arn}
    resource_id = fill("{role}/{policyArn}", inputs)
    assert read_template("{role}/{policyArn}", resource_id) == inputs


def test_an_id_within_an_answer_gives_back_nothing() -> None:
    assert (
        read_template(
            "{distribution[id]}",
            "E1",
        )
        == {}
    )


def test_a_template_of_a_single_field_gives_the_value_itself() -> None:
    assert fill("{codeSize}", {"codeSize": 7}) == 7
    assert fill(["{name}"], {"name": "users"}) == ["users"]
    assert fill("{name}:{version}", {"name": "f", "version": 1}) == "f:1"
