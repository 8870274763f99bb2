"""A change between any users that DynamoDB takes has an item that it takes and that names gaps."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.activity.deleted_history import has_values, without_values
from functions.activity.item_size import NEW, OLD, fitting_item
from functions.activity.items import activity_entry, activity_item, change_id
from functions.consumers.message import ChangeMessage
from functions.consumers.stored_change import StoredChange, stored_change
from functions.stream_records.attribute_values import AttributeValue, Image, unmarshal
from functions.stream_records.user_change import UserChange, parse_user_change
from ops.aws.tables import binary_as_base64
from ops.users.history_checks import read_histories
from tests.support.records.record_strategies import stream_record

ITEM_BYTES = 409_600
"""DynamoDB's limit of an item (developer guide, "Quotas")."""
LEVELS = 32
"""And of the maps and lists in it that are within each other (the same page)."""

FEW = settings(max_examples=25)  # each has megabytes

Field = tuple[str, int]
"""A kind of value and its share of the item, in bytes."""


def value_of(kind: str, size: int, letter: str) -> AttributeValue:
    """Return a value of about that size, at least one byte."""
    value: AttributeValue = {"S": letter * max(size, 1)}
    match kind:
        case "accents":
            value = {"S": {"a": "\u00e9", "b": "\u00e8"}[letter] * max(size // 2, 1)}
        case "binary":
            value = {"B": b64encode(letter.encode() * max(size, 1)).decode()}
        case "texts":
            value = {"SS": [f"{letter}{number:09}" for number in range(max(size // 11, 1))]}
        case "list":
            value = {"L": [{"S": letter} for _ in range(max(size // 2, 1))]}
        case "map":
            value = {"M": {f"{letter}{number:09}": {"N": "7"} for number in range(max(size // 13, 1))}}
        case "deep":
            value = {"S": letter}
            for _ in range(LEVELS):
                value = {"L": [value]}
        case _:
            pass
    return value


def stored_bytes(value: AttributeValue) -> int:
    """DynamoDB developer guide, "DynamoDB item sizes and formats"."""
    ((kind, content),) = value.items()
    match kind:
        case "M":
            return 3 + sum(1 + len(name.encode()) + stored_bytes(member) for name, member in content.items())
        case "L":
            return 3 + sum(1 + stored_bytes(member) for member in content)
        case "SS":
            return sum(len(member.encode()) for member in content)
        case "S":
            return len(content.encode())
        case "N":
            return (len(content) + 1) // 2 + 1
        case _:
            return len(content)


def size_of(image: Image) -> int:
    return sum(len(name.encode()) + stored_bytes(value) for name, value in image.items())


def levels(value: AttributeValue) -> int:
    ((kind, content),) = value.items()
    if kind not in ("M", "L"):
        return 0
    return 1 + max(map(levels, content.values() if kind == "M" else content), default=0)


KINDS = ["text", "accents", "binary", "texts", "list", "map", "deep"]
SIZES = st.sampled_from([1, 40, 5_000, 80_000, 130_000, 199_000, 390_000, 399_000])
FIELDS = st.dictionaries(
    st.sampled_from(["name", "about", "a" * 255, "\u00e9" * 120, "tags"]),
    st.tuples(st.sampled_from(KINDS), SIZES),
    max_size=4,
)


def image_of(fields: Mapping[str, Field], letter: str, room: int = 400_000) -> Image:
    """Return a user with these fields, as far as DynamoDB takes the item."""
    image: Image = {"userId": {"S": "1"}}
    for name, (kind, size) in fields.items():
        value = value_of(kind, size, letter)
        if size_of(image) + len(name.encode()) + stored_bytes(value) <= room:
            image[name] = value
    return image


def change_between(old: Image | None, new: Image | None) -> UserChange:
    event = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    return parse_user_change(stream_record(event, 0, "1", old, new))


def shown(change: UserChange, item: Image) -> StoredChange:
    """Return the change as a consumer gets it."""
    message = ChangeMessage(
        "1", change_id(change.sequence_number), change.event_id, change.kind, "change", change.occurred_at
    )
    return stored_change(message, item)


def check(old: Image | None, new: Image | None) -> None:
    change = change_between(old, new)
    item = activity_item(change, 30)

    assert size_of(item) <= ITEM_BYTES
    assert max(map(levels, item.values())) <= LEVELS
    read = shown(change, item)
    assert read.changes.keys() == change.changes.keys()
    for name, sides in change.changes.items():
        for side, value, kept in ((OLD, sides.old, read.old(name)), (NEW, sides.new, read.new(name))):
            if side in read.omitted.get(name, ()):
                assert kept is None
                assert item["changes"]["M"][name]["M"]["omitted"]["M"][side]["N"].isdigit()
            else:
                assert kept == (None if value is None else unmarshal(value))
    # Nothing goes without need.
    if (
        size_of(
            {
                "c": {
                    "M": {
                        name: {"M": {"o": sides.old or {"S": ""}, "n": sides.new or {"S": ""}}}
                        for name, sides in change.changes.items()
                    }
                }
            }
        )
        < 200_000
    ):
        assert all(
            levels(getattr(change.changes[name], side)) > LEVELS - 2
            for name, sides in read.omitted.items()
            for side in sides
        )


@FEW
@given(FIELDS, FIELDS)
@example({"about": ("text", 390_000)}, {"about": ("text", 390_000)})
@example({"about": ("binary", 390_000)}, {"about": ("binary", 399_000)})
@example({"about": ("deep", 1), "name": ("text", 399_000)}, {"about": ("deep", 1), "name": ("text", 399_000)})
@example(dict.fromkeys("abcd", ("text", 99_000)), dict.fromkeys("abcd", ("text", 99_000)))
def test_any_update_has_an_item_that_the_table_takes(old: dict[str, Field], new: dict[str, Field]) -> None:
    check(image_of(old, "a"), image_of(new, "b"))


@FEW
@given(FIELDS)
@example({"about": ("text", 399_990)})
@example({"about": ("deep", 1)})
def test_any_addition_and_deletion_has_one(fields: dict[str, Field]) -> None:
    image = image_of(fields, "a", ITEM_BYTES)
    check(None, image)
    check(image, None)


@FEW
@given(FIELDS, FIELDS)
@example({"about": ("text", 390_000)}, {"about": ("text", 390_000), "name": ("text", 9)})
def test_a_history_with_values_left_out_still_explains_its_user(old: dict[str, Field], new: dict[str, Field]) -> None:
    first, second = image_of(old, "a"), image_of(new, "b")
    added = activity_item(change_between(None, first), 30)
    updated = activity_item(parse_user_change(stream_record("MODIFY", 1, "1", first, second)), 30)
    (history,) = read_histories([updated, added], 0).values()

    assert history.explains({name: binary_as_base64(value) for name, value in second.items()})
    # What it has, it compares; of a value that was left out it can't know.
    is_known = NEW not in updated["changes"]["M"].get("name", {"M": {}})["M"].get("omitted", {"M": {}})["M"]
    assert history.explains(second | {"name": {"S": "written past the stream"}}) != is_known


def test_of_thousands_of_fields_the_item_names_as_many_as_it_can_and_counts_the_rest() -> None:
    names = [f"{number:0>30}" for number in range(11_000)]
    old, new = ({name: {"S": letter} for name in names} | {"userId": {"S": "1"}} for letter in "ab")
    assert size_of(old) < ITEM_BYTES
    change = parse_user_change(stream_record("MODIFY", 1, "1", old, new))
    item = activity_item(change, 30)

    assert size_of(item) <= ITEM_BYTES
    read = shown(change, item)
    assert len(read.changes) > 5_000
    assert len(read.changes) + read.omitted_fields == len(names)
    assert activity_entry(item)["omittedFields"] == read.omitted_fields
    (history,) = read_histories([activity_item(change_between(None, old), 30), item], 0).values()
    assert history.explains(new)


def test_a_small_change_says_nothing_of_sizes() -> None:
    item: Any = activity_item(change_between(None, {"userId": {"S": "1"}, "name": {"S": "Eve"}}), 30)
    assert item["changes"]["M"]["name"]["M"] == {"new": {"S": "Eve"}}
    assert "omittedFields" not in activity_entry(item)


def test_without_values_thousands_of_fields_still_fit() -> None:
    """Of a deleted user of whom no value is kept, whenever the values go."""
    names = [f"{number:0>11}" for number in range(25_000)]
    image: Image = {name: {"S": "a"} for name in names} | {"userId": {"S": "1"}}
    assert size_of(image) < ITEM_BYTES
    deletion = parse_user_change(stream_record("REMOVE", 1, "1", image, None))
    kept = activity_item(deletion, 30)

    for item in (
        activity_item(deletion, 30, deleted_user_days=0),
        fitting_item({**kept, "changes": without_values(kept["changes"])}),
    ):
        assert size_of(item) <= ITEM_BYTES
        assert not has_values(item)
        read = shown(deletion, item)
        assert set(map(frozenset, read.omitted.values())) == {frozenset({"old"})}
        assert len(read.changes) + read.omitted_fields == len(image)
