"""What a failed record would have changed, as far as its images can be read."""

from functions.json_types import Json, is_object
from functions.plain_json import json_line
from functions.stream_records.attribute_values import (
    AttributeValue,
    Image,
    MalformedValueError,
    unmarshal,
    unmarshal_image,
)
from functions.stream_records.image_diff import Changes, diff_images

KINDS_OF_CHANGE = {"INSERT": "added", "MODIFY": "updated", "REMOVE": "deleted"}


def record_changes(record: Json) -> Changes | str:
    """Return the changes between a record's images by field, or why there is no telling."""
    body: Json = record.get("dynamodb") if is_object(record) else None
    if not is_object(body):
        return "the record has no images"
    try:
        return diff_images(_image(body, "OldImage"), _image(body, "NewImage"))
    except MalformedValueError as error:
        return f"the images can't be read: {error}"


def _image(body: Json, name: str) -> Image | None:
    image: Json = body.get(name)
    if image is not None:
        unmarshal_image(image)
    return image


def plain_value(value: AttributeValue | None) -> str | None:
    """Return one typed value as JSON; None where there is none."""
    return None if value is None else json_line(unmarshal(value))
