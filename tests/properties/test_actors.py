"""Whoever writes a user, through the API or past it: each record tells whose write it was.

And by which request, with the id of no other one.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.json_log import JsonObject
from functions.runtime.trace import Trace
from functions.stream_records.user_change import parse_user_change
from functions.users.user import CHANGED_BY
from tests.support.records.record_strategies import stream_record

ARNS = [f"arn:aws:sts::123456789012:assumed-role/Support/{name}" for name in ("eve", "adam")]
API_WRITES = st.tuples(st.sampled_from(["API", "API without an id"]), st.sampled_from(ARNS))
FOREIGN_WRITES = st.tuples(
    st.sampled_from(
        [
            "sets a name",
            "raises the version",
            "puts an item without the attribute",
            "takes the version away",
            "deletes and puts a copy",
        ]
    ),
    st.text("abc", min_size=1, max_size=3),
)


def _changed_by(actor: str, version: int, trace: Trace | None) -> JsonObject:
    caused = {} if trace is None else trace.attributes()
    return {CHANGED_BY: {"M": {"actor": {"S": actor}, "version": {"N": str(version)}, **caused}}}


def _trace(position: int) -> Trace:
    return Trace(f"r{position}=", f"00-{position + 1:032x}-{position + 1:016x}-01" if position % 2 else None)


def _written(image: JsonObject, kind: str, text: str, position: int) -> JsonObject:
    version = int(image.get("version", {"N": "1"})["N"])
    match kind:
        case "API":
            by = _changed_by(text, version + 1, _trace(position))
            return {**image, "version": {"N": str(version + 1)}, **by}
        case "API without an id":  # an earlier release's
            return {**image, "version": {"N": str(version + 1)}, **_changed_by(text, version + 1, None)}
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
        image |= _changed_by("self", 1, _trace(0))
    first = image
    added = parse_user_change(stream_record("INSERT", 0, "u", None, image))
    assert added.trace == (None if imported else _trace(0))
    actors = [added.actor]
    expected: list[str] = []
    for position, (kind, text) in enumerate(writes, start=1):
        if kind == "deletes and puts a copy":
            deleted = parse_user_change(stream_record("REMOVE", position, "u", image, None))
            copied = parse_user_change(stream_record("INSERT", position, "u", None, image))
            assert deleted.trace is None
            # A copy of the first version can't be told from the registration that wrote it.
            of_first = [image.get(name) for name in (CHANGED_BY, "version")] == [first.get(CHANGED_BY), {"N": "1"}]
            assert copied.trace == (_trace(0) if of_first and not imported else None)
            continue
        new = _written(image, kind, text, position)
        # After its version was taken away, a caller may write the same version a second time: then
        # the record names nobody, which is better than somebody else.
        again = new.get(CHANGED_BY) == image.get(CHANGED_BY)
        expected.append(text if kind.startswith("API") and not again else "caller")
        change = parse_user_change(stream_record("MODIFY", position, "u", image, new))
        actors.append(change.actor)
        assert change.trace == (_trace(position) if kind == "API" else None)
        assert CHANGED_BY not in change.changes
        assert CHANGED_BY not in change.changed_fields
        image = new
    assert actors == ["caller" if imported else "self", *expected]


@given(st.sampled_from(["", "two words", "a\nb", '"}', "x" * 129, "\u00e9"]), st.booleans())
def test_what_can_be_no_id_is_none(text: str, traceparent: bool) -> None:  # noqa: FBT001
    by = _changed_by("self", 1, Trace("r=", text) if traceparent else Trace(text))
    image: JsonObject = {"userId": {"S": "u"}, "version": {"N": "1"}, **by}
    change = parse_user_change(stream_record("INSERT", 0, "u", None, image))
    assert (change.actor, change.trace) == ("self", Trace("r=") if traceparent else None)


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
