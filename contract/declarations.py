"""What a declaration of a user's attribute must be, beyond its types, so that all of it works."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from functions.http_api.request import MAXIMUM_BODY_BYTES
from functions.manage_users.users_page import LIST_PARAMETERS
from functions.users.attributes import Attribute
from functions.users.fields import Fields
from functions.users.user import (
    INTERNAL_ATTRIBUTES,
    LONGEST_KEY,
    MAILS_PREFIX,
    PENDING_PREFIX,
    REQUEST_PREFIX,
    InvalidFieldsError,
)

_OTHER_KEYS = frozenset(prefix.rstrip("#") for prefix in (MAILS_PREFIX, PENDING_PREFIX, REQUEST_PREFIX))

RESERVED = frozenset({"userId", "version", "createdAt", "updatedAt", "schemaVersion", *INTERNAL_ATTRIBUTES})
"""Names of a stored user that aren't attributes."""

# Allowed in an expression of DynamoDB, in JSON, in HTML ids and as a member's name in TypeScript.
_NAME = re.compile(r"[a-z][A-Za-z0-9]{0,63}", re.ASCII)
_BYTES_PER_CHARACTER = 4  # UTF-8
_ESCAPED_BYTES = 12  # JSON's \uXXXX\uXXXX


class DeclarationError(ValueError):
    """An attribute is declared in a way that can't work; the message has every reason, by name."""


def check_declarations(attributes: Sequence[Attribute]) -> None:
    """Raise `DeclarationError` if some declarations can't work, alone or together."""
    found = [f"{each.name}: {mistake}." for each in attributes for mistake in _mistakes(each)]
    found += [f"{name}: is declared {times} times." for name, times in _names(attributes).items() if times > 1]
    longest = sum(each.text.maximum * _ESCAPED_BYTES for each in attributes)
    if longest > MAXIMUM_BODY_BYTES:
        found.append(
            f"A request with the longest values may have {longest:,} bytes: shorten some, or raise "
            f"MAXIMUM_BODY_BYTES ({MAXIMUM_BODY_BYTES:,}) in functions/http_api/request.py."
        )
    if sum(each.confirmed for each in attributes) > 1:
        found.append("More than one attribute is confirmed: a registration has one link, sent to one address.")
    if not any(each.required for each in attributes):
        found.append("No attribute is required: a registration would say nothing.")
    if found:
        raise DeclarationError("functions/users/attributes.py: " + " ".join(found))


def _names(attributes: Sequence[Attribute]) -> Counter[str]:
    return Counter(each.name for each in attributes)


def _mistakes(attribute: Attribute) -> list[str]:
    # The rest can't be read if one of these is there.
    return [*_mistakes_in_text(attribute)] or [*_other_mistakes(attribute)]


def _mistakes_in_text(attribute: Attribute) -> Iterator[str]:
    if not 1 <= attribute.text.minimum <= attribute.text.maximum:
        yield "minimum must be at least 1 and at most maximum: an empty value is no value"
    try:
        sentences = {"sentence": attribute.rule, "help": attribute.hint or "None."}
    except (KeyError, IndexError, ValueError) as error:
        yield f"a sentence has {error} in braces; {{minimum}}, {{maximum}} and {{example}} are known"
        return
    for name, sentence in sentences.items():
        if not sentence.endswith("."):
            yield f"its {name} is shown to people, so it ends with a full stop"


def _other_mistakes(attribute: Attribute) -> Iterator[str]:
    if not _NAME.fullmatch(attribute.name):
        yield "its name must be camelCase, ASCII letters and digits, at most 64 of them"
    if attribute.name in RESERVED:
        yield "the name is one that every user has already"
    if not attribute.label.strip():
        yield "it has no label, so nobody could tell what to enter"
    if attribute.required and not attribute.accepted:
        yield "it is required but not accepted, so nobody could register"
    try:
        Fields([attribute._replace(accepted=True)]).parse_changes({attribute.name: attribute.example})
    except InvalidFieldsError:
        yield "its example breaks its own rule"
    yield from _mistakes_in_keys(attribute)


def _mistakes_in_keys(attribute: Attribute) -> Iterator[str]:
    if attribute.unique is not None and attribute.name in _OTHER_KEYS.union(LIST_PARAMETERS):
        yield "it is unique, and the name is another parameter of GET /users, or of other items in UserKeys"
    if attribute.confirmed and not (attribute.required and attribute.unique):
        yield "it is confirmed, so it must be required and unique: a link is sent there, and it is one user's"
    if attribute.unique is not None:
        form, longest = attribute.unique.form(attribute.example), attribute.text.maximum
        if attribute.unique.form(form) != form:
            yield "the form of a form must be the same form"
        if len(f"{attribute.name}#") + longest * _BYTES_PER_CHARACTER > LONGEST_KEY:
            yield f"it is unique, and {longest} characters may be more than a key's {LONGEST_KEY} bytes"
