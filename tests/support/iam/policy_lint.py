"""Lints policy documents against IAM's own definitions of actions, resource types and conditions.

Source of a document's form: IAM user guide, "IAM JSON policy element reference".
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_pascal

from tests.support.iam.condition_values import (
    COMPARABLE,
    GLOBAL_KEYS,
    OPERATORS,
    QUALIFIED_OPERATOR,
    TAG_KEYS,
    VALUES,
)
from tests.support.iam.definitions import Action, UnknownActionError, actions, condition_keys, key_form

ANY = "*"

PRINCIPALS: Mapping[str, str] = {
    "AWS": r"\*|\d{12}|arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)/.+)",
    "Service": r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?",
    "Federated": r"arn:aws[a-z-]*:iam::\d{12}:(oidc|saml)-provider/.+|cognito-identity\.amazonaws\.com",
    "CanonicalUser": r"[0-9a-f]{64}",
}

_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9*?-]*:(?:\d{12}|[0-9*?]*[*?][0-9*?]*|aws|cloudfront|):.+")
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


def _several(value: object) -> object:
    return (cast("object", value),) if isinstance(value, str | Mapping) else value


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
        except UnknownActionError as error:
            yield str(error)
    resources = statement.resource or statement.not_resource or ()
    malformed = [arn for arn in resources if arn != ANY and not _ARN.fullmatch(arn)]
    yield from (f"{arn} is no ARN" for arn in malformed)
    if statement.action and statement.resource and ANY not in statement.action and not malformed:
        yield from _mismatches(named, statement.resource)
    any_action = statement.action is None or ANY in statement.action
    keys = {pattern: [action.keys for action in found] for pattern, found in named.items()}
    yield from _condition_problems(statement, None if any_action else keys)


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


def _condition_problems(
    statement: _Statement, keys_of_actions: Mapping[str, list[Mapping[str, str]]] | None
) -> Iterator[str]:
    """Yield what is wrong with a statement's condition; None stands for the keys of any action."""
    claims = _claims(statement)
    for operator, comparisons in statement.condition.items():
        parts = QUALIFIED_OPERATOR.fullmatch(operator)
        compared = OPERATORS.get(parts["operator"]) if parts else None
        if parts is None or compared is None or (compared == "Null" and parts["if_exists"]):
            yield f"{operator}: no such condition operator"
            continue
        for key, values in comparisons.items():
            own = {ANY: [TAG_KEYS, condition_keys(key.partition(":")[0])]}
            known = own if keys_of_actions is None else keys_of_actions
            types = {pattern: _key_type(key, [GLOBAL_KEYS, claims, *keys]) for pattern, keys in known.items()}
            yield from (f"{pattern} knows no condition key {key}" for pattern, type_ in types.items() if type_ is None)
            wrong_types = {
                type_ for type_ in types.values() if type_ and type_ not in COMPARABLE.get(compared, (type_,))
            }
            if wrong_types:
                yield f"{operator} doesn't compare {key}, which is of type {', '.join(sorted(wrong_types))}"
            wrong = [value for value in values if not VALUES[compared].fullmatch(value)]
            yield from (f"{value!r} is no value for {operator}" for value in wrong)


def _claims(statement: _Statement) -> dict[str, str]:
    """Return the keys that an OIDC provider's token brings, which are named after its host."""
    providers = (statement.principal or {}).get("Federated", ())
    hosts = [name.partition(":oidc-provider/")[2] for name in providers if ":oidc-provider/" in name]
    return {f"{host}:{claim}": "String" for host in hosts for claim in _OIDC_CLAIMS}


def _key_type(key: str, known: list[Mapping[str, str]]) -> str | None:
    each = (type_ for keys in known for name, type_ in keys.items() if key_form(name).fullmatch(key))
    return next(each, None)
