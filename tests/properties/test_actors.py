"""Whoever writes a user, through the API or past it: each record tells whose write it was."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.json_log import JsonObject
from functions.stream_records.user_change import parse_user_change
from functions.users.user import CHANGED_BY
from tests.support.records.record_strategies import stream_record

ARNS = [f"arn:aws:sts::123456789012:assumed-role/Support/{name}" for name in ("eve", "adam")]
API_WRITES = st.tuples(st.just("API"), st.sampled_from(ARNS))
FOREIGN_WRITES = st.tuples(
    st.sampled_from(
        ["sets a name", "raises the version", "puts an item without the attribute", "takes the version away"]
    ),
    st.text("abc", min_size=1, max_size=3),
)


def _changed_by(actor: str, version: int) -> JsonObject:
    return {CHANGED_BY: {"M": {"actor": {"S": actor}, "version": {"N": str(version)}}}}


def _written(image: JsonObject, kind: str, text: str) -> JsonObject:
    version = int(image.get("version", {"N": "1"})["N"])
    match kind:
        case "API":
            return {**image, "version": {"N": str(version + 1)}, **_changed_by(text, version + 1)}
        case "sets a name":
            return {**image, "name": {"S": text}}
        case "raises the version":
            return {**image, "name": {"S": text}, "version": {"N": str(version + 1)}}
        case "takes the version away":
            return {name: value for name, value in image.items() if name != "version"}
        case _:
            return {"userId": image["userId"], "name": {"S": text}, "version": {"N": str(version)}}


@given(st.booleans(), st.lists(API_WRITES | FOREIGN_WRITES, max_size=12))
def test_each_record_of_a_history_names_its_own_writer(imported: bool, writes: list[tuple[str, str]]) -> None:  # noqa: FBT001
    image: JsonObject = {"userId": {"S": "u"}, "name": {"S": "Eve"}, "version": {"N": "1"}}
    if not imported:
        image |= _changed_by("self", 1)
    actors = [parse_user_change(stream_record("INSERT", 0, "u", None, image)).actor]
    expected: list[str] = []
    for position, (kind, text) in enumerate(writes, start=1):
        new = _written(image, kind, text)
        # After its version was taken away, a caller may write the same version a second time: then
        # the record names nobody, which is better than somebody else.
        again = new.get(CHANGED_BY) == image.get(CHANGED_BY)
        expected.append(text if kind == "API" and not again else "caller")
        change = parse_user_change(stream_record("MODIFY", position, "u", image, new))
        actors.append(change.actor)
        assert CHANGED_BY not in change.changes
        assert CHANGED_BY not in change.changed_fields
        image = new
    assert actors == ["caller" if imported else "self", *expected]


@given(
    st.sampled_from(
        [
            {"S": "an ARN"},
            {"M": {"actor": {"S": "an ARN"}}},
            {"M": {"version": {"N": "1"}}},
            {"M": {"actor": {"N": "1"}, "version": {"N": "1"}}},
            {"M": {"actor": {"S": ""}, "version": {"N": "1"}}},
            {"M": {"actor": {"S": "an ARN"}, "version": {"N": "2"}}},
            {"M": {"actor": {"S": "an ARN"}, "version": {"S": "1"}}},
        ]
    )
)
def test_an_attribute_of_another_form_names_nobody(changed_by: Any) -> None:
    image: JsonObject = {"userId": {"S": "u"}, "version": {"N": "1"}, CHANGED_BY: changed_by}
    assert parse_user_change(stream_record("INSERT", 0, "u", None, image)).actor == "caller"
