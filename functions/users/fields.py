"""The fields that a caller may send, by their attributes, and the errors for a broken one.

The schemas are pydantic-core's: `Fields` validates with them, and the API's published contract is
generated from them (pydantic.json_schema.GenerateJsonSchema reads a core schema). pydantic-core is
used without pydantic, whose import alone would double a function's own start-up.
"""

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import Any, cast
from unicodedata import normalize

from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, ValidationError, core_schema

from functions.users.attributes import ATTRIBUTES, Attribute, Unique
from functions.users.user import FieldError, InvalidFieldsError, Registration, UserChanges
from functions.users.visible_text import is_visible

# A body of 16 KiB has room for thousands of unknown fields.
MAXIMUM_ERRORS = 20
MAXIMUM_ECHOED_NAME = 64

# By pydantic-core's error type: the answer's code and sentence; None is the field's own rule.
_ANSWERS: Mapping[str, tuple[str, str | None]] = {
    "missing": ("missing", "Is required."),
    "extra_forbidden": ("unknown-field", "Is not a field of this request."),
    "string_type": ("not-text", "Must be text in quotes."),
    "string_unicode": ("not-unicode", "Holds half of a surrogate pair, which is no character."),
    "string_too_short": ("too-short", None),
    "string_too_long": ("too-long", None),
    "string_pattern_mismatch": ("invalid", None),
    "invisible": ("invisible", "Needs at least one character that can be seen."),
    "reserved": ("reserved", "Is reserved, or looks like a reserved one. Choose another one."),
}

_EVERY_VALUE = "Each value counts in Unicode's normalization form C, and at least one character can be seen."


class Fields:
    """Validates requests that carry some attributes."""

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        self.attributes = attributes
        accepted = [attribute for attribute in attributes if attribute.accepted]
        values = {attribute.name: _value_schema(attribute) for attribute in accepted}
        self._accepted = {attribute.name: attribute for attribute in accepted}
        self.empty_changes = f"Name at least one field to change: {_listed(list(self._accepted))}."
        """The sentence for a change that names no field."""
        self.registration_schema: CoreSchema = core_schema.typed_dict_schema(
            {
                name: core_schema.typed_dict_field(values[name], required=self._accepted[name].required)
                for name in values
            },
            extra_behavior="forbid",
            metadata={
                "pydantic_js_updates": {
                    "title": "Registration",
                    "description": f"What `POST /register` takes. {_EVERY_VALUE}",
                }
            },
        )
        """What `POST /register` takes."""
        self.changes_schema: CoreSchema = core_schema.typed_dict_schema(
            {
                name: core_schema.typed_dict_field(
                    value if self._accepted[name].required else core_schema.nullable_schema(value), required=False
                )
                for name, value in values.items()
            },
            extra_behavior="forbid",
            metadata={
                "pydantic_js_updates": {
                    "title": "UserChanges",
                    "description": "What `PATCH /users/{userId}` takes. Null takes an optional value away. "
                    + _EVERY_VALUE,
                    "minProperties": 1,
                }
            },
        )
        """What `PATCH /users/{userId}` takes, except that it names at least one field."""

    @cached_property
    def _registration(self) -> SchemaValidator:
        return SchemaValidator(self.registration_schema)

    @cached_property
    def _changes(self) -> SchemaValidator:
        return SchemaValidator(self.changes_schema)

    def parse_registration(self, body: Mapping[str, object]) -> Registration:
        """Check the body of a registration; raise `InvalidFieldsError` with all broken rules."""
        return cast("Registration", self._validated(self._registration, body, removing=False))

    def parse_changes(self, body: Mapping[str, object]) -> UserChanges:
        """Check the body of a change; raise `InvalidFieldsError` with all broken rules.

        A body that names no field is one error, of the body as a whole.
        """
        changes = cast("UserChanges", self._validated(self._changes, body, removing=True))
        if not changes:
            raise InvalidFieldsError([FieldError("", "nothing-to-change", self.empty_changes)])
        return changes

    def _validated(self, validator: SchemaValidator, body: Mapping[str, object], *, removing: bool) -> object:
        try:
            return validator.validate_python({name: _composed(value) for name, value in body.items()})
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
        errors = [
            self._field_error(each["type"], each["loc"], each["input"], removing=removing)
            for each in found[:MAXIMUM_ERRORS]
        ]
        raise InvalidFieldsError(errors)

    def _field_error(
        self, error_type: str, location: tuple[int | str, ...], value: Any, *, removing: bool
    ) -> FieldError:
        field = str(location[0])[:MAXIMUM_ECHOED_NAME]
        code, message = _ANSWERS[error_type]
        if code == "not-text" and value is None:
            if removing:
                code, message = "not-removable", "Is required: it can be changed, but not taken away."
            elif not self._accepted[field].required:
                message = "Must be text in quotes. Leave it out if there is none."
        return FieldError(field, code, message or self._accepted[field].rule)


def _composed(value: object) -> object:
    """Return text in NFC, so that rules and comparisons meet one spelling of it."""
    return normalize("NFC", value) if isinstance(value, str) else value


def _value_schema(attribute: Attribute) -> CoreSchema:
    text, unique = attribute.text, attribute.unique

    def checked(value: str) -> str:
        if not is_visible(value):
            raise PydanticCustomError("invisible", "shows nothing")
        if text.check is not None and not text.check(value):
            raise PydanticCustomError("string_pattern_mismatch", "breaks the rule")
        if unique is not None and not _reserved_forms(unique).isdisjoint(unique.forms(value)):
            raise PydanticCustomError("reserved", "is reserved")
        return value

    schema: CoreSchema = core_schema.str_schema(
        strict=True,
        min_length=text.minimum,
        max_length=text.maximum,
        pattern=text.pattern,
        metadata={"pydantic_js_updates": {"description": attribute.rule, "examples": [attribute.example]}},
    )
    return core_schema.no_info_after_validator_function(checked, schema)


@cache
def _reserved_forms(unique: Unique) -> frozenset[str]:
    """Return the forms of the reserved values, however they are capitalized."""
    spellings = [spelling for each in unique.reserved for spelling in (each, each.capitalize(), each.upper())]
    return frozenset(form for spelling in spellings for form in unique.forms(spelling))


def _listed(names: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


FIELDS = Fields(ATTRIBUTES)
