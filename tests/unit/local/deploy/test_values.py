import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.json_log import is_array, is_object
from local.deploy.values import fill, plain_values, read_template, same_document, tag_changes

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
    """Return a value as Pulumi sends it: every number is a double."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if is_object(value):
        return {key: as_wire(item) for key, item in value.items()}
    return [as_wire(item) for item in value] if is_array(value) else value


@given(JSON)
def test_whole_numbers_become_integers_again(value: Any) -> None:
    assert plain_values(as_wire(value)) == plain_values(value)


@given(JSON)
def test_whole_doubles_and_absent_keys_are_removed(value: Any) -> None:
    def check(plain: Any) -> None:
        assert not (isinstance(plain, float) and plain.is_integer())
        if is_object(plain):
            assert None not in plain.values()
        for item in plain.values() if is_object(plain) else plain if is_array(plain) else ():
            check(item)

    check(plain_values(value))


@given(st.dictionaries(st.text(), JSON), st.integers(0, 4))
def test_a_document_of_the_same_value_keeps_its_known_form(document: dict[str, Any], indent: int) -> None:
    known = json.dumps(document)
    assert same_document(known, json.dumps(document, indent=indent, sort_keys=True)) == known


def test_a_document_of_another_value_has_the_form_of_the_service() -> None:
    assert json.loads(same_document('{"a": 1}', {"a": 2})) == {"a": 2}
    assert json.loads(same_document(None, '{"a": 2}')) == {"a": 2}


@given(TAGS, TAGS)
def test_applying_the_changes_of_tags_gives_the_new_tags(before: dict[str, str], after: dict[str, str]) -> None:
    removed, added = tag_changes({"tags": before}, {"tags": after})
    assert {key: value for key, value in before.items() if key not in removed} | added == after
    assert not set(removed) & added.keys()


ROLE = st.from_regex(r"[\w+=,.@-]{1,8}", fullmatch=True)
ARN = st.from_regex(r"arn:aws:iam::[0-9]{12}:policy/[a-z]{1,6}(/[a-z]{1,6})?", fullmatch=True)


@given(ROLE, ARN)
def test_the_inputs_are_read_from_an_id(role: str, policy_arn: str) -> None:
    inputs = {"role": role, "policyArn": policy_arn}
    resource_id = fill("{role}/{policyArn}", inputs)
    assert read_template("{role}/{policyArn}", resource_id) == inputs


def test_no_input_is_read_from_an_id_that_is_nested_in_a_result() -> None:
    assert (
        read_template(
            "{distribution[id]}",
            "E1",
        )
        == {}
    )


def test_a_template_of_one_field_gives_the_value_unchanged() -> None:
    assert fill("{codeSize}", {"codeSize": 7}) == 7
    assert fill(["{name}"], {"name": "users"}) == ["users"]
    assert fill("{name}:{version}", {"name": "f", "version": 1}) == "f:1"
