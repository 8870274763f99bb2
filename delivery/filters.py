"""Which records a mapping's FilterCriteria lets through to the function.

Rules: Lambda developer guide, "Control which events Lambda sends to your function" (syntax and
operators), "Using event filtering with an Amazon SQS event source" (the body), EventBridge user
guide, "Comparison operators for use in event patterns" (arrays, `exists` on leaves).

| Operator           | Pattern                            | Matches                             |
| ------------------ | ---------------------------------- | ----------------------------------- |
| equals, or         | `["a", 1, true]`                   | one of the values, as it is written |
| null, empty        | `[null]`, `[""]`                   | null, the empty string              |
| equals-ignore-case | `[{"equals-ignore-case": "a"}]`    | the string in any case              |
| prefix, suffix     | `[{"prefix": "a"}]`                | a string that begins or ends so     |
| anything-but       | `[{"anything-but": ["a", 1]}]`     | a value that is none of them        |
| numeric            | `[{"numeric": [">", 0, "<=", 5]}]` | a number in the range               |
| exists             | `[{"exists": false}]`              | a leaf that is, or isn't, there     |
| $or                | `{"$or": [{...}, {...}]}`          | one of the patterns                 |

Keys beside each other all have to match; an array in a record matches with any of its elements. The
patterns of one mapping are alternatives. Another operator is refused by its name: a record that is
filtered out is settled, and in a queue deleted, so a guess would lose records.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import TypeGuard

from functions.runtime.json_log import Json, JsonObject, is_array, is_object

MOST_PATTERNS = 10
"""With a raised quota; five without. Source: the guide."""

_LONGEST_PATTERN = 4096
"""Source: Lambda API reference, Filter."""

_COMPARISONS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}

_TEXT_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "prefix": str.startswith,
    "suffix": str.endswith,
    "equals-ignore-case": lambda text, other: text.lower() == other.lower(),
}

_Leaf = str | bool | None
"""A value at the end of a path; a number is a `_Number`."""
_Test = Callable[[Sequence[_Leaf]], bool]
"""Says whether the leaves at a path match a rule; there are none where the path ends nowhere."""


class UnsupportedPatternError(ValueError):
    """A pattern isn't one of the documented ones; the message names what it has."""


class _Number(str):
    """A number as it is written: "300 and 300.0 are not equal" (the guide)."""

    __slots__ = ()


@dataclass(frozen=True)
class _Pattern:
    """A pattern for an object: each key has a test of its leaves, or a pattern of its own."""

    leaves: Mapping[str, _Test]
    nested: Mapping[str, "_Pattern"]
    alternatives: Sequence["_Pattern"]
    """Of `$or`; empty without."""

    def matches(self, value: JsonObject) -> bool:
        """Say whether an object matches."""
        return (
            all(test(list(_leaves(value.get(key, _ABSENT)))) for key, test in self.leaves.items())
            and all(
                any(pattern.matches(each) for each in _objects(value.get(key))) for key, pattern in self.nested.items()
            )
            and (not self.alternatives or any(pattern.matches(value) for pattern in self.alternatives))
        )


class StreamFilter:
    """The filter of a mapping from a stream.

    Raises:
        UnsupportedPatternError: a pattern isn't one that the guide describes.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = _parse_patterns(patterns)

    def admits(self, body: bytes) -> bool:
        """Say whether a record, as JSON, goes to the function."""
        if not self._patterns:
            return True
        record: JsonObject = _loads(body)
        return any(pattern.matches(record) for pattern in self._patterns)


class MessageFilter:
    """The filter of a mapping from a queue: by the messages' bodies alone.

    | Body  | Pattern of the body | Goes to the function |
    | ----- | ------------------- | -------------------- |
    | plain | plain               | if it matches        |
    | JSON  | JSON                | if it matches        |
    | plain | JSON                | never                |
    | JSON  | plain               | never                |

    A body counts as JSON if it is an object or an array of it: a bare `5` may as well be plain.

    Raises:
        UnsupportedPatternError: as above, or a pattern names something else than the body.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = _parse_patterns(patterns)
        for pattern in self._patterns:
            if pattern.alternatives or {*pattern.leaves, *pattern.nested} != {"body"}:
                raise UnsupportedPatternError("it isn't for the body alone, which is all that SQS messages have")

    def admits(self, body: str) -> bool:
        """Say whether a message with this body goes to the function."""
        if not self._patterns:
            return True
        try:
            parsed: Json = _loads(body)
        except ValueError:
            parsed = None
        is_json = is_object(parsed) or is_array(parsed)
        value: JsonObject = {"body": parsed if is_json else body}
        return any(pattern.matches(value) for pattern in self._patterns if bool(pattern.nested) == is_json)


_ABSENT = object()


def _leaves(value: object) -> Iterable[_Leaf]:
    """Return what lies at a path: one value, an array's values, nothing for an object."""
    if is_array(value):
        for each in value:
            yield from _leaves(each)
    elif value is None or isinstance(value, str | bool):
        yield value


def _objects(value: Json) -> Sequence[JsonObject]:
    """Return the objects at a path; an empty one stands for none, as only `exists` is about it."""
    found = [each for each in value if is_object(each)] if is_array(value) else [value] if is_object(value) else []
    return found or [{}]


def _loads(text: str | bytes) -> Json:
    return json.loads(text, parse_int=_Number, parse_float=_Number)


def _parse_patterns(patterns: Sequence[str]) -> Sequence[_Pattern]:
    if len(patterns) > MOST_PATTERNS:
        raise UnsupportedPatternError(f"{len(patterns)} patterns are more than AWS takes, {MOST_PATTERNS}")
    return [_parse_text(text) for text in patterns]


def _parse_text(text: str) -> _Pattern:
    if len(text) > _LONGEST_PATTERN:
        raise UnsupportedPatternError(f"a pattern of {len(text)} characters is longer than {_LONGEST_PATTERN}")
    try:
        parsed: Json = _loads(text)
    except ValueError:
        raise UnsupportedPatternError(f"{text!r} isn't JSON") from None
    if not is_object(parsed):
        raise UnsupportedPatternError(f"{text!r} isn't a JSON object")
    return _parse(parsed, "")


def _parse(rules: JsonObject, path: str) -> _Pattern:
    if not rules:
        raise UnsupportedPatternError(f"{path or 'a pattern'} is empty")
    leaves: dict[str, _Test] = {}
    nested: dict[str, _Pattern] = {}
    alternatives: list[_Pattern] = []
    for key, rule in rules.items():
        place = f"{path}.{key}" if path else key
        if key == "$or":
            alternatives = _parse_alternatives(rule, place)
        elif is_object(rule):
            nested[key] = _parse(rule, place)
        elif is_array(rule) and rule:
            leaves[key] = _any([_parse_rule(each, place) for each in rule])
        else:
            raise UnsupportedPatternError(f"{place} needs an object, or an array with a rule")
    return _Pattern(leaves, nested, alternatives)


def _parse_alternatives(rules: Json, place: str) -> list[_Pattern]:
    if not is_array(rules) or len(rules) < 2 or not all(map(is_object, rules)):  # noqa: PLR2004  or it is no choice
        raise UnsupportedPatternError(f"{place} needs an array of at least two objects")
    return [_parse(each, place) for each in rules]


def _any(tests: Sequence[_Test]) -> _Test:
    return lambda leaves: any(test(leaves) for test in tests)


def _parse_rule(rule: Json, place: str) -> _Test:
    if is_array(rule):
        raise UnsupportedPatternError(f"{place} has an array within its array")
    if not is_object(rule):
        return _each(lambda leaf: _same(leaf, rule))
    if len(rule) != 1:
        raise UnsupportedPatternError(f"{place} has {len(rule)} operators in one object, not one")
    ((operator, operand),) = rule.items()
    test = _parse_operator(operator, operand)
    if test is None:
        raise UnsupportedPatternError(
            f"{place} has {json.dumps(rule)}, which isn't one of the operators that the Lambda developer guide lists"
        )
    return test


def _parse_operator(operator: str, operand: Json) -> _Test | None:
    if (compare := _TEXT_COMPARISONS.get(operator)) is not None and _is_text(operand):
        return _each(lambda leaf: _is_text(leaf) and compare(leaf, operand))
    match operator:
        case "exists" if isinstance(operand, bool):
            return lambda leaves: bool(leaves) == operand
        case "anything-but":
            return _anything_but(operand if is_array(operand) else [operand])
        case "numeric" if is_array(operand):
            return _numeric(operand)
        case _:
            return None


def _each(test: Callable[[_Leaf], bool]) -> _Test:
    return lambda leaves: any(test(leaf) for leaf in leaves)


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and not isinstance(value, _Number)


def _same(leaf: _Leaf, value: Json) -> bool:
    """Compare character by character; a number isn't the string of its digits."""
    return type(leaf) is type(value) and leaf == value


def _anything_but(excluded: Sequence[Json]) -> _Test | None:
    if not excluded or not all(isinstance(each, str) for each in excluded):
        return None
    return _each(lambda leaf: not any(_same(leaf, each) for each in excluded))


def _numeric(operand: Sequence[Json]) -> _Test | None:
    pairs = list(zip(operand[::2], operand[1::2], strict=False))
    usable = all(name in _COMPARISONS and isinstance(number, _Number) for name, number in pairs)
    if len(operand) not in {2, 4} or not usable:
        return None
    comparisons = [(_COMPARISONS[name], Decimal(number)) for name, number in pairs]

    def is_in_range(leaf: _Leaf) -> bool:
        return isinstance(leaf, _Number) and all(compare(Decimal(leaf), number) for compare, number in comparisons)

    return _each(is_in_range)
