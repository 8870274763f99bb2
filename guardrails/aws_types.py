"""Check a resource's inputs against the Python types of the AWS provider's SDK.

The SDK itself checks the names of a resource's own arguments only. A misspelt key of a nested
dictionary, a missing required property, or text in place of a number fails only in an account,
where AWS's own plugin checks it. With this module it fails in a test, and in the local stack.
"""

import importlib
import inspect
import keyword
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType
from typing import Any, TypeGuard, Union, get_args, get_origin

import pulumi
from pulumi import _types as sdk_types  # pyright: ignore[reportPrivateUsage]  nothing public has wire names

from guardrails.resource import UNKNOWN

_importing = threading.Lock()
"""The SDK loads a module when it is first used, by the standard library's LazyLoader. Before Python
3.11.9 and 3.12.3 a second thread saw a module that was still empty: python/cpython#114763."""


@dataclass(frozen=True, kw_only=True)
class InputProblem:
    """What is wrong with one input, by its path, for example `environment.variables`."""

    path: str
    reason: str


class UnknownResourceTypeError(LookupError):
    """The AWS provider's Python SDK has no such type."""


def resource_class(token: str) -> type[pulumi.CustomResource]:
    """Return the SDK's class of a type such as `aws:lambda/function:Function`.

    Raises:
        UnknownResourceTypeError: there is none.
    """
    package, _, rest = token.partition(":")
    module, _, name = rest.partition(":")
    module = module.partition("/")[0]
    if keyword.iskeyword(module):
        module += "_"
    try:
        with _importing:
            found = getattr(importlib.import_module(f"pulumi_{package}.{module}"), name)
    except (ImportError, AttributeError):
        found = None
    if package != "aws" or not (inspect.isclass(found) and issubclass(found, pulumi.CustomResource)):
        raise UnknownResourceTypeError(f"{token} is no type of the AWS provider's Python SDK")
    return found


def property_names(token: str) -> frozenset[str]:
    """Return the wire names of all properties of a type, inputs and outputs."""
    return frozenset(sdk_types.resource_types(resource_class(token)))


def input_problems(token: str, inputs: Mapping[str, Any]) -> list[InputProblem]:
    """Return every problem of a resource's inputs.

    Args:
        token: the resource's type.
        inputs: wire names (camelCase) to plain values; `UNKNOWN` fits every type.

    Raises:
        UnknownResourceTypeError: the provider has no such type.
    """
    return list(_problems_of_object(_arguments_class(resource_class(token)), inputs, ""))


def _arguments_class(resource: type[pulumi.CustomResource]) -> type:
    """Return `QueueArgs` for `Queue`, or `QueueInitArgs` if a property's type has that name."""
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
    """Return the wire names of the arguments that have no default."""
    wire_names = sdk_types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments).parameters.values()
    return {wire_names[parameter.name] for parameter in parameters if parameter.default is inspect.Parameter.empty}


def _problems_of_value(expected: Any, value: Any, path: str) -> Iterator[InputProblem]:
    expected = _unwrapped(expected)
    if value is None or value == UNKNOWN or expected is Any:
        return
    if get_origin(expected) is Union:
        choices = [choice for choice in get_args(expected) if choice is not NoneType]
        # Those of the choice that fits best.
        yield from min((list(_problems_of_value(choice, value, path)) for choice in choices), key=len)
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


def _unwrapped(expected: Any) -> Any:
    """Return `T` of `Input[T]` and `Optional[T]`, at any depth."""
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
    # An enumeration of the SDK may lack newer values, which AWS accepts.
    return isinstance(value, expected) or (isinstance(value, str) and issubclass(expected, str))


def _words(expected: Any) -> str:
    plain = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if _is_generic(expected, Sequence):
        return "a list"
    if _is_generic(expected, Mapping) or sdk_types.is_input_type(expected):
        return "a map"
    return plain.get(expected, getattr(expected, "__name__", str(expected)))
