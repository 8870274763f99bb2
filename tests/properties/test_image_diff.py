"""Applying a diff gives the new image, and the diff has exactly what changed."""

from hypothesis import given

from functions.stream_records.attribute_values import (
    AttributeChange,
    Changes,
    Image,
    diff_images,
    same_value,
    unmarshal_image,
)
from tests.support.records.record_strategies import images


def apply_changes(old: Image | None, changes: Changes) -> Image:
    image = dict(old or {})
    for name, change in changes.items():
        if change.new is None:
            image.pop(name, None)
        else:
            image[name] = change.new
    return image


@given(images(), images())
def test_applying_the_diff_gives_the_new_image(old: Image, new: Image) -> None:
    assert unmarshal_image(apply_changes(old, diff_images(old, new))) == unmarshal_image(new)


@given(images(), images())
def test_the_diff_has_only_what_differs(old: Image, new: Image) -> None:
    changes = diff_images(old, new)
    for name in old.keys() | new.keys():
        if name in changes:
            assert changes[name] == AttributeChange(old.get(name), new.get(name))
            assert name not in old or name not in new or not same_value(old[name], new[name])
        else:
            assert same_value(old[name], new[name])


@given(images())
def test_a_new_or_deleted_item_changes_in_every_field(image: Image) -> None:
    assert diff_images(None, image) == {name: AttributeChange(None, value) for name, value in image.items()}
    assert diff_images(image, None) == {name: AttributeChange(value, None) for name, value in image.items()}
    assert apply_changes(None, diff_images(None, image)) == image
    assert apply_changes(image, diff_images(image, None)) == {}


def test_set_order_and_number_spelling_are_no_change() -> None:
    old: Image = {"tags": {"SS": ["a", "b"]}, "count": {"N": "1.0"}, "flag": {"BOOL": True}}
    new: Image = {"tags": {"SS": ["b", "a"]}, "count": {"N": "1"}, "flag": {"N": "1"}}
    assert list(diff_images(old, new)) == ["flag"]
