"""The fields that a caller may send, their rules, and the errors for a broken one.

The schemas hold the rules, and `RULES` says each in words: change both. The validators run the
schemas, and the API's published contract is generated from them
(pydantic.json_schema.GenerateJsonSchema reads a core schema). pydantic-core is used without
pydantic, whose import alone would double a function's own start-up.
"""

from collections.abc import Mapping
from typing import NotRequired, TypedDict, cast
from unicodedata import normalize

from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, ValidationError, core_schema

from functions.users.user import FieldError, InvalidFieldsError


class Registration(TypedDict):
    """What `POST /register` takes, every field as typed."""

    name: str
    email: str
    username: str


class UserChanges(TypedDict):
    """What `PATCH /users/{userId}` takes: the fields to change, at least one."""

    name: NotRequired[str]
    email: NotRequired[str]
    username: NotRequired[str]


RULES: Mapping[str, str] = {
    "name": "Must be 1 to 200 characters, with no space at either end and no control characters.",
    "email": "Must be an e-mail address such as alice@example.com, of at most 254 characters, 64 of them before the @.",
    "username": "Must be 3 to 32 letters, digits, dots, underscores or hyphens, beginning with a letter or a digit.",
}
EMPTY_CHANGES = "Name at least one field to change: name, email or username."
# A body of 16 KiB has room for thousands of unknown fields.
MAXIMUM_ERRORS = 20
MAXIMUM_ECHOED_NAME = 64

# The patterns mean the same to Rust's regex (which runs them here), to ECMA-262 with the u flag
# (JSON Schema's) and, except for \p{..}, to Python's. No name contains controls, line and paragraph
# separators, zero-width spaces or characters that reverse the text direction, and each could forge
# a line of a log or a page.
_FORBIDDEN = r"\u0000-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff"
_NAME = rf"^[^\s{_FORBIDDEN}](?:[^{_FORBIDDEN}]*[^\s{_FORBIDDEN}])?$"
# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, with RFC 5321's limit of
# 64 characters for the local part.
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = rf"^[a-zA-Z0-9.!#$%&'*+\/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*$"
_USERNAME = r"^[\p{L}\p{Nd}][\p{L}\p{Nd}._-]*$"
_USERNAME_LENGTH = range(3, 32 + 1)
# Letters by their category but invisible (Unicode's Default_Ignorable_Code_Point): two usernames
# that look the same could differ by them.
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")


def _check_username(value: str) -> str:
    """Check the compatibility form, by which usernames are compared, by the rules for typing."""
    form = normalize("NFKC", value)
    allowed = len(form) in _USERNAME_LENGTH and all(
        letter.isalpha() or letter.isdecimal() or letter in "._-" for letter in form
    )
    if not allowed or not _INVISIBLE_LETTERS.isdisjoint(value + form):
        raise PydanticCustomError("string_pattern_mismatch", "is no username")
    return value


def _text(field: str, *, minimum: int, maximum: int, pattern: str, **extra: object) -> CoreSchema:
    metadata = {"pydantic_js_updates": {"description": RULES[field], **extra}}
    return core_schema.str_schema(
        strict=True, min_length=minimum, max_length=maximum, pattern=pattern, metadata=metadata
    )


_FIELDS: Mapping[str, CoreSchema] = {
    "name": _text("name", minimum=1, maximum=200, pattern=_NAME, examples=["Alice"]),
    "email": _text("email", minimum=3, maximum=254, pattern=_EMAIL, format="email", examples=["alice@example.com"]),
    "username": core_schema.no_info_after_validator_function(
        _check_username,
        _text(
            "username", minimum=_USERNAME_LENGTH[0], maximum=_USERNAME_LENGTH[-1], pattern=_USERNAME, examples=["alice"]
        ),
    ),
}


def _at_least_one(changes: UserChanges) -> UserChanges:
    if not changes:
        raise PydanticCustomError("empty_changes", "names no field")
    return changes


REGISTRATION_SCHEMA: CoreSchema = core_schema.typed_dict_schema(
    {field: core_schema.typed_dict_field(schema, required=True) for field, schema in _FIELDS.items()},
    cls=Registration,
    extra_behavior="forbid",
)
USER_CHANGES_SCHEMA: CoreSchema = core_schema.no_info_after_validator_function(
    _at_least_one,
    core_schema.typed_dict_schema(
        {field: core_schema.typed_dict_field(schema, required=False) for field, schema in _FIELDS.items()},
        cls=UserChanges,
        extra_behavior="forbid",
        metadata={"pydantic_js_updates": {"minProperties": 1}},
    ),
)

_REGISTRATION = SchemaValidator(REGISTRATION_SCHEMA)
_USER_CHANGES = SchemaValidator(USER_CHANGES_SCHEMA)

# By pydantic-core's error type: the answer's code and sentence; None is the field's own rule.
_ANSWERS: Mapping[str, tuple[str, str | None]] = {
    "missing": ("missing", "Is required."),
    "extra_forbidden": ("unknown-field", "Is not a field of this request."),
    "string_type": ("not-text", "Must be text in quotes."),
    "string_unicode": ("not-unicode", "Holds half of a surrogate pair, which is no character."),
    "string_too_short": ("too-short", None),
    "string_too_long": ("too-long", None),
    "string_pattern_mismatch": ("invalid", None),
    "empty_changes": ("nothing-to-change", EMPTY_CHANGES),
}


def parse_registration(body: Mapping[str, object]) -> Registration:
    """Check the body of a registration; raise `InvalidFieldsError` with all broken rules."""
    return cast("Registration", _validated(_REGISTRATION, body))


def parse_user_changes(body: Mapping[str, object]) -> UserChanges:
    """Check the body of a change; raise `InvalidFieldsError` with all broken rules.

    A body that names no field is one error, of the body as a whole.
    """
    return cast("UserChanges", _validated(_USER_CHANGES, body))


def _validated(validator: SchemaValidator, body: Mapping[str, object]) -> object:
    try:
        return validator.validate_python(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    raise InvalidFieldsError([_field_error(each["type"], each["loc"]) for each in found[:MAXIMUM_ERRORS]])


def _field_error(error_type: str, location: tuple[int | str, ...]) -> FieldError:
    field = str(location[0])[:MAXIMUM_ECHOED_NAME] if location else ""
    code, message = _ANSWERS[error_type]
    return FieldError(field, code, message or RULES[field])
