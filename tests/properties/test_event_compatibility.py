"""Breaking changes of a schema are found, additions of optional members are not."""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contract.event_compatibility import breaking_changes

Schema = dict[str, Any]

NAMES = st.text("abcdef", min_size=1, max_size=3)
LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "boolean"},
        {"type": ["string", "null"]},
        {"enum": ["caller", "ttl"]},
        {"const": 1},
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
        {"type": "array", "items": {"type": "string"}},
        {"type": "string", "pattern": "^[0-9]+$"},
    ]
)
VALUES: list[Any] = ["text", "12", "caller", "ttl", 0, 1, 7, True, False, None, [], ["a"], [1], {}]


@st.composite
def objects(draw: st.DrawFn, depth: int = 1) -> Schema:
    """An object of some members, required or not, some of them objects."""
    members = LEAVES if depth == 0 else LEAVES | objects(depth - 1)
    properties = draw(st.dictionaries(NAMES, members, min_size=1, max_size=4))
    required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
    return {"type": "object", "properties": properties, "required": required}


def places(schema: Schema) -> Iterator[Schema]:
    """Yield every object of a schema."""
    if schema.get("type") == "object":
        yield schema
        for member in schema["properties"].values():
            yield from places(member)


@st.composite
def edited(draw: st.DrawFn, edit: Callable[[st.DrawFn, Schema], None]) -> tuple[Schema, Schema]:
    """A schema, and what an edit of one of its objects makes of it."""
    old = draw(objects())
    new = deepcopy(old)
    edit(draw, draw(st.sampled_from(list(places(new)))))
    return old, new


def add_optional(draw: st.DrawFn, place: Schema) -> None:
    place["properties"][draw(NAMES.filter(lambda name: name not in place["properties"]))] = draw(LEAVES)


def describe(draw: st.DrawFn, place: Schema) -> None:
    member = place["properties"][draw(st.sampled_from(sorted(place["properties"])))]
    place["properties"] = {
        name: {**each, "description": draw(st.text())} if each is member else each
        for name, each in place["properties"].items()
    }


def reorder(draw: st.DrawFn, place: Schema) -> None:
    place["required"] = draw(st.permutations(place["required"]))
    place["properties"] = dict(draw(st.permutations(list(place["properties"].items()))))


def _taken(draw: st.DrawFn, place: Schema) -> tuple[str, Schema]:
    name = draw(st.sampled_from(sorted(place["properties"])))
    place["required"] = [each for each in place["required"] if each != name]
    return name, place["properties"].pop(name)


def remove(draw: st.DrawFn, place: Schema) -> None:
    _taken(draw, place)


def rename(draw: st.DrawFn, place: Schema) -> None:
    was_required = set(place["required"])
    name, member = _taken(draw, place)
    new_name = draw(NAMES.filter(lambda each: each != name and each not in place["properties"]))
    place["properties"][new_name] = member
    place["required"] += [new_name] if name in was_required else []


def retype(draw: st.DrawFn, place: Schema) -> None:
    name = draw(st.sampled_from(sorted(place["properties"])))
    place["properties"][name] = draw(LEAVES.filter(lambda leaf: leaf != place["properties"][name]))


def require_or_release(draw: st.DrawFn, place: Schema) -> None:
    name = draw(st.sampled_from(sorted(place["properties"])))
    place["required"] = sorted(set(place["required"]) ^ {name})


def add_required(draw: st.DrawFn, place: Schema) -> None:
    name = draw(NAMES.filter(lambda each: each not in place["properties"]))
    place["properties"][name] = draw(LEAVES)
    place["required"] = [*place["required"], name]


def close(_draw: st.DrawFn, place: Schema) -> None:
    place["additionalProperties"] = False


ADDITIVE = [add_optional, describe, reorder]
BREAKING = [remove, rename, retype, require_or_release, add_required, close]


@pytest.mark.parametrize("edit", ADDITIVE)
@given(data=st.data())
def test_an_additive_change_takes_no_new_version(edit: Callable[..., None], data: st.DataObject) -> None:
    old, new = data.draw(edited(edit))

    assert list(breaking_changes(old, new)) == []


@pytest.mark.parametrize("edit", BREAKING)
@given(data=st.data())
def test_a_breaking_change_is_found(edit: Callable[..., None], data: st.DataObject) -> None:
    old, new = data.draw(edited(edit))

    assert list(breaking_changes(old, new)) != []


@given(data=st.data(), before=objects(), edit=st.sampled_from([*ADDITIVE, *BREAKING]))
def test_what_is_accepted_keeps_old_subscribers_and_old_events(
    data: st.DataObject, before: Schema, edit: Callable[..., None]
) -> None:
    """Both readings of a schema, by a validator that knows nothing of the rule."""
    after = deepcopy(before)
    edit(data.draw, data.draw(st.sampled_from(list(places(after)))))
    if list(breaking_changes(before, after)):
        return

    # A publisher of the new version sends nothing under names that its schema doesn't have.
    new_event = data.draw(events(after))
    old_event = data.draw(events(before))

    assert is_valid(after, new_event) <= is_valid(before, new_event), "an old subscriber refuses a new event"
    assert is_valid(before, old_event) <= is_valid(after, old_event), "a new subscriber refuses an old event"


def events(schema: Schema) -> st.SearchStrategy[Mapping[str, Any]]:
    """Objects with members of the schema's names, valid or not."""
    members = {
        name: events(member) if member.get("type") == "object" else st.sampled_from(VALUES)
        for name, member in schema["properties"].items()
    }
    required = set(schema["required"])
    return st.fixed_dictionaries(
        {name: each for name, each in members.items() if name in required},
        optional={name: each for name, each in members.items() if name not in required},
    )


def is_valid(schema: Schema, event: Mapping[str, Any]) -> bool:
    return Draft202012Validator(json.loads(json.dumps(schema))).is_valid(event)  # pyright: ignore[reportUnknownMemberType]
