"""Valid users by the table of attributes, so that a test names only the attributes it is about."""

import re
from collections.abc import Iterator, Mapping, Sequence

from functions.users.attributes import ATTRIBUTES, Attribute
from functions.users.fields import Fields
from functions.users.user import InvalidFieldsError, User


def registration(
    number: int | None = None, attributes: Sequence[Attribute] = ATTRIBUTES, /, **values: str
) -> dict[str, str]:
    """Return a registration with every required attribute.

    Args:
        number: makes the values that aren't given differ from those of other numbers.
        attributes: of the users.
        values: by attribute; optional ones too.
    """
    required = {each.name: value_of(each, number) for each in attributes if each.required}
    return {**required, **values}


def value_of(attribute: Attribute, number: int | None = None) -> str:
    """Return a valid value: another number gives one that counts as another, None the example."""
    if number is None:
        return attribute.example
    valid = Fields([attribute._replace(accepted=True)])
    for value in _variations(attribute.example, str(number)):
        try:
            valid.parse_changes({attribute.name: value})
        except InvalidFieldsError:
            continue
        return value
    raise AssertionError(f"{attribute.name}: no variation of {attribute.example!r} with {number!r} meets its rule")


def _variations(example: str, number: str) -> Iterator[str]:
    """Yield texts like the example that are different for every number."""
    letters = re.search(r"[^\W\d_]+", example)
    if letters is not None:
        yield f"{example[: letters.end()]}-{number}{example[letters.end() :]}"
        yield f"{example[: letters.end()]}{number}{example[letters.end() :]}"
    digits = list(re.finditer(r"\d+", example))
    if digits:
        # The first digits may have a meaning, such as a country's code.
        last = digits[-1]
        end = number[-max(1, len(last[0]) - 2) :]
        yield f"{example[: last.end() - len(end)]}{end}{example[last.end() :]}"


def user(
    user_id: str = "7",
    values: Mapping[str, str] | None = None,
    *,
    version: int = 1,
    moment: str = "2026-11-23T10:00:00.000Z",
) -> User:
    """Return a stored user; without values the one of `registration()`."""
    return User(user_id, registration() if values is None else values, version, moment, moment)


def with_values(person: User, **values: str) -> User:
    """Return the user with other values, in the same version."""
    return person._replace(values={**person.values, **values})
