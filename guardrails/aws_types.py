"""Whether a resource's inputs are those of the real AWS provider, by the provider's own Python types.

The SDK checks the names of a resource's own arguments, and nothing below them: a misspelt key of a nested dictionary, a
required property that is None or text where a number belongs only fail in the account. Here they fail at once.
"""

import importlib
import inspect
import keyword
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType
from typing import Any, TypeGuard, Union, get_args, get_origin

import pulumi
from pulumi import _types as sdk_types  # pyright: ignore[reportPrivateUsage]  the one place that knows a property's wire name

from guardrails.resource import UNKNOWN, Resource, ResourceRule, Rule

PACKAGE = "aws"


@dataclass(frozen=True, kw_only=True)
class InputProblem:
    """What is wrong with one input.

    Attributes:
        path: where, for example `environment.variables`.
        reason: what, and what to do.
    """

    path: str
    reason: str


class UnknownResourceTypeError(LookupError):
    """A type that the AWS provider's Python SDK doesn't have."""


def resource_class(token: str) -> type[pulumi.CustomResource]:
    """The SDK's class of a type.

    Args:
        token: for example `aws:lambda/function:Function`.

    Raises:
        UnknownResourceTypeError: there is none.
    """
    package, _, rest = token.partition(":")
    module, _, name = rest.partition(":")
    module = module.partition("/")[0]
    if keyword.iskeyword(module):
        module += "_"
    try:
        found = getattr(importlib.import_module(f"pulumi_{package}.{module}"), name)
    except (ImportError, AttributeError):
        found = None
    if package != PACKAGE or not (inspect.isclass(found) and issubclass(found, pulumi.CustomResource)):
        raise UnknownResourceTypeError(f"{token} is no type of the AWS provider's Python SDK")
    return found


def property_names(token: str) -> frozenset[str]:
    """Wire names of all properties of a type, inputs among them."""
    return frozenset(sdk_types.resource_types(resource_class(token)))


def input_problems(token: str, inputs: Mapping[str, Any]) -> list[InputProblem]:
    """Everything that the real provider's types say against these inputs.

    Args:
        token: the resource's type.
        inputs: wire names (camelCase) to plain values; a value that a preview doesn't know yet fits every type.

    Raises:
        UnknownResourceTypeError: the provider has no such type.
    """
    return list(_problems_of_object(_arguments_class(resource_class(token)), inputs, ""))


def _arguments_class(resource: type[pulumi.CustomResource]) -> type:
    """`QueueArgs` for `Queue`, or `QueueInitArgs` where a property's type has taken that name."""
    module = importlib.import_module(resource.__module__)
    return getattr(module, f"{resource.__name__}InitArgs", None) or getattr(module, f"{resource.__name__}Args")


def _problems_of_object(arguments: type, value: Mapping[str, Any], path: str) -> Iterator[InputProblem]:
    types = sdk_types.input_type_types(arguments)
    given = {name for name, item in value.items() if item is not None}
    for name in sorted(given - types.keys()):
        similar = get_close_matches(name, types, n=1)
        meant = f"did you mean {similar[0]!r}?" if similar else f"it has {', '.join(sorted(types))}"
        yield InputProblem(path=f"{path}{name}", reason=f"there is no such property in {arguments.__name__}; {meant}")
    for name in sorted(_required(arguments) - given):
        yield InputProblem(path=f"{path}{name}", reason=f"{arguments.__name__} needs it, and it is not set")
    for name in sorted(given & types.keys()):
        yield from _problems_of_value(types[name], value[name], f"{path}{name}")


def _required(arguments: type) -> set[str]:
    """Wire names of the arguments that have no default."""
    wire_names = sdk_types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments).parameters.values()
    return {wire_names[parameter.name] for parameter in parameters if parameter.default is inspect.Parameter.empty}


def _problems_of_value(expected: Any, value: Any, path: str) -> Iterator[InputProblem]:
    expected = _unwrapped(expected)
    if value is None or value == UNKNOWN or expected is Any:
        return
    if get_origin(expected) is Union:
        yield from _problems_of_choice([choice for choice in get_args(expected) if choice is not NoneType], value, path)
    elif sdk_types.is_input_type(expected) and _is_map(value):
        yield from _problems_of_object(expected, value, f"{path}.")
    elif _is_generic(expected, Sequence) and _is_list(value):
        for index, item in enumerate(value):
            yield from _problems_of_value(get_args(expected)[0], item, f"{path}[{index}]")
    elif _is_generic(expected, Mapping) and _is_map(value):
        for key, item in value.items():
            yield from _problems_of_value(get_args(expected)[1], item, f"{path}.{key}")
    elif not _is_plain_value(expected, value):
        yield InputProblem(path=path, reason=f"must be {_words(expected)}, and is {value!r}")


def _problems_of_choice(choices: list[Any], value: Any, path: str) -> Iterator[InputProblem]:
    """The problems of the choice that fits best."""
    yield from min((list(_problems_of_value(choice, value, path)) for choice in choices), key=len)


def _unwrapped(expected: Any) -> Any:
    """`T` of `Input[T]` and `Optional[T]`, however deep."""
    while (inner := sdk_types.unwrap_type(expected)) != expected:
        expected = inner
    return expected


def _is_generic(expected: Any, kind: type) -> bool:
    origin = get_origin(expected)
    return inspect.isclass(origin) and issubclass(origin, kind)


def _is_map(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_plain_value(expected: Any, value: object) -> bool:
    if not inspect.isclass(expected):
        return False
    if isinstance(value, bool):
        return expected is bool
    if isinstance(value, int | float):  # every number is a float on the wire
        return expected is float or (expected is int and value == int(value))
    # An enumeration of the SDK is a list of what was known when it was made, and AWS takes newer values.
    return isinstance(value, expected) or (isinstance(value, str) and issubclass(expected, str))


def _words(expected: Any) -> str:
    plain = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if _is_generic(expected, Sequence):
        return "a list"
    if _is_generic(expected, Mapping) or sdk_types.is_input_type(expected):
        return "a map"
    return plain.get(expected, getattr(expected, "__name__", str(expected)))


# Every property exists, is set where it must be, and is of its type, nested ones too.


def _properties_fit_their_types(resource: Resource) -> Iterator[str]:
    if not resource.type.startswith("aws:"):
        return
    try:
        for problem in input_problems(resource.type, resource.properties):
            yield f"{problem.path}: {problem.reason}"
    except UnknownResourceTypeError as error:
        yield str(error)


RULES: list[Rule] = [
    ResourceRule(
        name="properties-fit-their-types",
        description="A misspelt, missing or mistyped property is found without an account.",
        types=frozenset(),
        check=_properties_fit_their_types,
        takes_unknowns=True,
    )
]
