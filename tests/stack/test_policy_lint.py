"""Every policy of the stacks names actions, resources and conditions that IAM has."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest

from guardrails.access import ACTIONS_WITHOUT_RESOURCE
from guardrails.resource import BUCKET_POLICY, QUEUE_POLICY, ROLE, ROLE_POLICY, TOPIC_POLICY
from tests.support.iam.definitions import actions
from tests.support.iam.policy_lint import policy_problems
from tests.support.stack.guarded_stack import STACKS
from tests.support.stack.recorded_policies import policies_of
from tests.support.stack.recorded_stack import record


@pytest.mark.parametrize("stack", STACKS)
def test_every_policy_passes_the_linter(stack: str) -> None:
    found = {resource: policy_problems(document) for resource, document in policies_of(record(stack)).items()}

    assert {resource: problems for resource, problems in found.items() if problems} == {}
    kinds = {resource.partition(" ")[0] for resource in found}
    assert kinds >= {ROLE, ROLE_POLICY, TOPIC_POLICY}
    assert (BUCKET_POLICY in kinds) is (stack != "local")  # it only requires TLS
    assert QUEUE_POLICY in kinds


def with_a_wrong_name(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a policy with one of its names wrong, for each name in it."""
    for number, statement in enumerate(document["Statement"]):

        def with_(changes: Mapping[str, Any], number: int = number) -> Mapping[str, Any]:
            changed = deepcopy(dict(document))
            changed["Statement"][number] |= changes
            return changed

        actions = [action for action in statement["Action"] if "*" not in action]
        yield from (with_({"Action": [action[:-1]]}) for action in actions)
        yield from (with_({"Action": [f"x{action}"]}) for action in actions)
        if actions and "Resource" in statement:
            for arn in statement["Resource"]:
                service = arn.split(":")[2:3]
                wrong = ["aws:users", arn.replace(f":{service[0]}:", ":kms:")] if service else ["arn:aws:s3:::users"]
                yield from (with_({"Resource": [each]}) for each in wrong)
        for operator, comparisons in statement.get("Condition", {}).items():
            yield with_({"Condition": {operator[:-1]: comparisons}})
            yield with_({"Condition": {"DateEquals": comparisons}})
            if actions:
                yield from (with_({"Condition": {operator: {key[:-1]: "x"}}}) for key in comparisons)


@pytest.mark.parametrize("stack", STACKS)
def test_a_wrong_name_anywhere_in_a_policy_is_found(stack: str) -> None:
    policies = policies_of(record(stack))
    cases = [each for document in policies.values() for each in with_a_wrong_name(json.loads(document))]

    assert len(cases) > 5 * len(policies)
    assert [case for case in cases if not policy_problems(case)] == []


USERS = "arn:aws:dynamodb:eu-west-1:123456789012:table/Users-prod"
ACCOUNT = {"aws:SourceAccount": "123456789012"}
SOUND = {"Sid": "Store", "Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": USERS}


def policy(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sound policy with changes; None takes a name away."""
    merged = {name: value for name, value in {**SOUND, **statement}.items() if value is not None}
    return {"Version": "2012-10-17", "Statement": [merged]}


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ({"Action": "dynamodb:PutItm"}, "dynamodb:PutItm: no such action; did you mean dynamodb:PutItem?"),
        ({"Action": "dynamodb:Put*Items"}, "dynamodb:Put*Items: no such action"),
        ({"Action": "PutItem"}, "no service has the prefix 'PutItem'"),
        ({"Action": "dynamodbb:PutItem"}, "no service has the prefix 'dynamodbb'"),
        ({"Action": None, "NotAction": "s3:GetObjects"}, "s3:GetObjects: no such action"),
        (
            {"Resource": "arn:aws:sqs:eu-west-1:123456789012:Users-prod"},
            "dynamodb:PutItem isn't an action on arn:aws:sqs",
        ),
        ({"Resource": f"{USERS}/stream/2026-01-01T00:00:00.000"}, "dynamodb:PutItem isn't an action on"),
        ({"Resource": f"{USERS}/stream/*"}, "dynamodb:PutItem isn't an action on"),
        (
            {"Action": "dynamodb:GetRecords"},
            "but on arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}/st",
        ),
        ({"Action": "dynamodb:ListStreams"}, "dynamodb:ListStreams isn't an action on"),
        (
            {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket"},
            "s3:GetObject isn't an action on arn:aws:s3:::b",
        ),
        (
            {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bucket/*"},
            "s3:ListBucket isn't an action on arn:aws:s3",
        ),
        ({"Action": ["dynamodb:PutItem", "sqs:SendMessage"]}, "sqs:SendMessage isn't an action on"),
        ({"Resource": [USERS, "arn:aws:s3:::bucket"]}, "arn:aws:s3:::bucket is a resource of none of the actions"),
        ({"Resource": "arn:aws:dynamodb::123456789012:table/Users-prod"}, "dynamodb:PutItem isn't an action on"),
        ({"Resource": "arn:aws:dynamodb:eu-west-1:12345:table/Users-prod"}, "is no ARN"),
        ({"Resource": "table/Users-prod"}, "table/Users-prod is no ARN"),
        ({"Resource": "arn:aws:dynamodb"}, "arn:aws:dynamodb is no ARN"),
        ({"Condition": {"StringEquls": ACCOUNT}}, "StringEquls: no such condition operator"),
        ({"Condition": {"NullIfExists": {"aws:SourceAccount": "true"}}}, "NullIfExists: no such condition operator"),
        (
            {"Condition": {"ForSomeValues:StringEquals": ACCOUNT}},
            "ForSomeValues:StringEquals: no such condition operator",
        ),
        (
            {"Condition": {"StringEquals": {"aws:SourceAcount": "1"}}},
            "dynamodb:PutItem knows no condition key aws:SourceA",
        ),
        ({"Condition": {"StringEquals": {"s3:prefix": "a"}}}, "dynamodb:PutItem knows no condition key s3:prefix"),
        ({"Action": "*", "Condition": {"StringEquals": {"s3:prefixes": "a"}}}, "* knows no condition key s3:prefixes"),
        (
            {"Action": None, "NotAction": "s3:*", "Condition": {"StringEquals": {"aws:SourceAcount": "1"}}},
            "* knows no condition key aws:SourceAcount",
        ),
        (
            {"Condition": {"ForAnyValues:StringEquals": ACCOUNT}},
            "ForAnyValues:StringEquals: no such condition operator",
        ),
        ({"Condition": {"Bool": {"aws:SourceAccount": "true"}}}, "Bool doesn't compare aws:SourceAccount"),
        (
            {"Condition": {"StringLike": {"aws:SecureTransport": "t*"}}},
            "StringLike doesn't compare aws:SecureTransport",
        ),
        ({"Condition": {"Bool": {"aws:SecureTransport": "no"}}}, "'no' is no value for Bool"),
        ({"Condition": {"ArnLike": {"aws:SourceArn": "users"}}}, "'users' is no value for ArnLike"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "localhost"}}}, "'localhost' is no value for IpAddress"),
        ({"Condition": {"DateLessThan": {"aws:CurrentTime": "tomorrow"}}}, "'tomorrow' is no value for DateLessThan"),
        ({"Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": "1h"}}}, "'1h' is no value for NumericLessThan"),
        ({"Principal": {"Service": "lambda"}}, "lambda is no principal of the kind Service"),
        ({"Principal": {"AWS": "arn:aws:iam::1234:root"}}, "arn:aws:iam::1234:root is no principal of the kind AWS"),
        ({"Principal": {"Federated": "github.com"}}, "github.com is no principal of the kind Federated"),
        ({"Principal": {"Services": "lambda.amazonaws.com"}}, "Principal"),
        ({"Effect": "allow"}, "Effect"),
        ({"Effect": None}, "Effect"),
        ({"Sid": "Store users"}, "Sid"),
        ({"Actions": "dynamodb:PutItem"}, "Actions"),
        ({"NotAction": "s3:GetObject"}, "needs either Action or NotAction"),
        ({"Action": []}, "Action"),
        ({"Resource": None}, "needs either Resource or NotResource"),
    ],
)
def test_a_wrong_statement_is_refused(statement: Mapping[str, Any], problem: str) -> None:
    assert policy_problems(policy({})) == []
    assert any(problem in each for each in policy_problems(policy(statement))), policy_problems(policy(statement))


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({**policy({}), "Version": "2008-10-17"}, "Version"),
        ({**policy({}), "Statements": []}, "Statements"),
        ({**policy({}), "Statement": [SOUND, SOUND]}, "two statements have the same Sid"),
        ('{"Version": "2012-10-17"', "no JSON"),
    ],
)
def test_a_wrong_document_is_refused(document: str | Mapping[str, Any], problem: str) -> None:
    assert any(problem in each for each in policy_problems(document)), policy_problems(document)


GITHUB = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{GITHUB}"


@pytest.mark.parametrize(
    "statement",
    [
        {"Action": "*", "Resource": "*"},
        {
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/team": "a", "s3:prefix": "b"}},
        },
        {
            "Effect": "Deny",
            "Action": None,
            "NotAction": "s3:*",
            "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ops"}},
        },
        {"Action": ["dynamodb:Get*", "dynamodb:Query"], "Resource": "arn:aws:dynamodb:*:123456789012:table/*"},
        {"Action": "dynamodb:GetRecords", "Resource": "arn:aws:dynamodb:eu-west-1:123456789012:table/*"},
        {
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::users-*",
            "Condition": {"StringLike": {"s3:prefix": "a/*"}},
        },
        {"Effect": "Deny", "Action": None, "NotAction": ["s3:Get*"], "Resource": None, "NotResource": USERS},
        {"Condition": {"ForAllValues:StringEqualsIfExists": {"dynamodb:Attributes": ["userId"]}}},
        {"Condition": {"Null": {"dynamodb:LeadingKeys": False}}},
        {"Condition": {"StringEquals": {"aws:ResourceTag/team": "users"}}},
        {
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": PROVIDER},
            "Resource": None,
            "Condition": {"StringLike": {f"{GITHUB}:sub": "repo:OWNER/REPOSITORY:*"}},
        },
    ],
)
def test_what_iam_takes_passes(statement: Mapping[str, Any]) -> None:
    assert policy_problems(policy(statement)) == []


def test_a_token_s_claims_are_known_by_its_own_provider_alone() -> None:
    trust = {
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": PROVIDER},
        "Resource": None,
        "Condition": {"StringEquals": {"gitlab.com:sub": "x"}},
    }

    assert policy_problems(policy(trust)) == [
        "Store: sts:AssumeRoleWithWebIdentity knows no condition key gitlab.com:sub"
    ]


@pytest.mark.parametrize("service", ["apigateway", "dynamodb", "iam", "lambda", "logs", "s3", "sns", "sqs", "sts"])
def test_an_arn_of_each_form_is_of_its_type(service: str) -> None:
    for type_, form in actions(f"{service}:*")[0].formats.items():
        arn = re.sub(r"\$\{\w+\}", "x", form).replace("arn:x:", "arn:aws:")
        found = {action.name for action in actions(f"{service}:*") if action.takes(arn)}

        assert found >= {action.name for action in actions(f"{service}:*") if type_ in action.types}


@pytest.mark.parametrize("action", sorted(ACTIONS_WITHOUT_RESOURCE))
def test_an_action_allowed_on_every_resource_has_no_resource_types(action: str) -> None:
    (definition,) = actions(action)

    assert definition.types == frozenset()
