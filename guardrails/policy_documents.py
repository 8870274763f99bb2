"""IAM policy documents, read into statements."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast


@dataclass(frozen=True, kw_only=True)
class PolicyStatement:
    """One statement, with what may be one text or several always as several.

    Attributes:
        sid: its name, for messages.
        effect: Allow or Deny.
        actions: all it names.
        resources: all it names.
        principals: all it names, as `*`, an ARN or a service; none in a role's policy.
        condition: operator to key to value.
        inverted: whether it says NotAction, NotResource or NotPrincipal.
    """

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    condition: Mapping[str, Mapping[str, Any]]
    inverted: bool


def policy_documents(properties: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every policy document in a resource's properties, wherever it lies, with its path: it says itself that it is one.

    Not by a list of types and properties: a queue takes a policy too, and a role takes statements in three ways. The
    provider takes each as JSON or as a map.
    """
    if isinstance(properties, Mapping) and "Statement" in properties:
        yield path, cast("Mapping[str, Any]", properties)
    elif isinstance(properties, Mapping):
        for name, value in cast("Mapping[str, Any]", properties).items():
            yield from policy_documents(value, f"{path}.{name}" if path else name)
    elif isinstance(properties, list | tuple):
        for index, value in enumerate(cast("Sequence[Any]", properties)):
            yield from policy_documents(value, f"{path}[{index}]")
    elif isinstance(properties, str) and '"Statement"' in properties:
        try:
            document: Any = json.loads(properties)
        except ValueError:
            return  # Some other text with that word in it.
        if isinstance(document, Mapping) and "Statement" in document:
            yield path, cast("Mapping[str, Any]", document)


def statements(document: str | Mapping[str, Any]) -> list[PolicyStatement]:
    """The statements of a policy document.

    Raises:
        ValueError: it is no JSON.
    """
    parsed: Any = json.loads(document) if isinstance(document, str) else document
    return [_statement(statement, index) for index, statement in enumerate(_several(parsed["Statement"]))]


def _statement(statement: Mapping[str, Any], index: int) -> PolicyStatement:
    return PolicyStatement(
        sid=statement.get("Sid", f"statement {index + 1}"),
        effect=statement["Effect"],
        actions=_several(statement.get("Action", statement.get("NotAction", ()))),
        resources=_several(statement.get("Resource", statement.get("NotResource", ()))),
        principals=tuple(_principals(statement.get("Principal", statement.get("NotPrincipal")))),
        condition=statement.get("Condition", {}),
        inverted=any(name in statement for name in ("NotAction", "NotResource", "NotPrincipal")),
    )


def _principals(principal: Any) -> Iterator[str]:
    if isinstance(principal, str):
        yield principal
    elif principal is not None:
        for named in principal.values():
            yield from _several(named)


def _several(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str | Mapping):
        return (cast("Any", value),)
    return tuple(value)
