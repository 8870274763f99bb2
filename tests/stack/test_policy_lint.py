"""parliament, which knows IAM's actions, resources and conditions, accepts every policy."""

import json
import re
import warnings
from collections.abc import Mapping
from typing import Any, cast

import pytest

from guardrails.access import ACTIONS_WITHOUT_RESOURCE, policy_documents
from guardrails.resource import BUCKET_POLICY, QUEUE_POLICY, ROLE, ROLE_POLICY, TOPIC_POLICY
from tests.support.stack.guarded_stack import STACKS
from tests.support.stack.recorded_stack import RecordedStack, record

with warnings.catch_warnings():
    # It leaves files open.
    warnings.simplefilter("ignore", ResourceWarning)
    import parliament


STREAM_LABEL = re.compile(r"(/stream/)[0-9T:.-]+")


def problems(document: str) -> list[str]:
    # parliament splits an ARN at every colon, and a stream's label is a time with colons.
    analyzed = cast("Any", parliament).analyze_policy_string(
        STREAM_LABEL.sub(r"\1label", document), ignore_private_auditors=True
    )
    return [f"{finding.issue}: {finding.detail}" for finding in analyzed.findings]


def policies_of(stack: RecordedStack) -> dict[str, str]:
    """Return every policy document of a stack, by resource; a trust policy gets its role's ARN."""
    found: dict[str, str] = {}
    for resource in stack.resources:
        for path, document in policy_documents(resource.inputs):
            about = (
                {"Resource": f"arn:aws:iam::123456789012:role/{resource.inputs['name']}"}
                if resource.type == ROLE
                else {}
            )
            statements = [{**statement, **about} for statement in document["Statement"]]
            found[f"{resource.type} {resource.name}, {path}"] = json.dumps({**document, "Statement": statements})
    return found


@pytest.mark.parametrize("stack", STACKS)
def test_every_policy_passes_the_linter(stack: str) -> None:
    found = {resource: problems(document) for resource, document in policies_of(record(stack)).items()}

    assert {resource: issues for resource, issues in found.items() if issues} == {}
    kinds = {resource.partition(" ")[0] for resource in found}
    assert kinds >= {ROLE, ROLE_POLICY, TOPIC_POLICY}
    assert (BUCKET_POLICY in kinds) is (stack != "local")  # it only requires TLS
    assert QUEUE_POLICY in kinds


USERS = "arn:aws:dynamodb:eu-west-1:123456789012:table/Users-prod"


@pytest.mark.parametrize(
    ("statement", "issue"),
    [
        ({"Action": "dynamodb:PutItm"}, "UNKNOWN_ACTION"),
        ({"Action": "dynamodbb:PutItem"}, "UNKNOWN_PREFIX"),
        ({"Resource": "arn:aws:sqs:eu-west-1:123456789012:Users-prod"}, "RESOURCE_MISMATCH"),
        ({"Condition": {"StringEquls": {"aws:SourceAccount": "123456789012"}}}, "UNKNOWN_OPERATOR"),
        ({"Condition": {"StringEquals": {"aws:SourceAcount": "123456789012"}}}, "UNKNOWN_CONDITION_FOR_ACTION"),
    ],
)
def test_a_typo_in_a_policy_is_found(statement: Mapping[str, Any], issue: str) -> None:
    sound = {"Sid": "Store", "Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": USERS}
    document = json.dumps({"Version": "2012-10-17", "Statement": [{**sound, **statement}]})

    assert any(problem.startswith(f"{issue}:") for problem in problems(document)), problems(document)


@pytest.mark.parametrize("action", sorted(ACTIONS_WITHOUT_RESOURCE))
def test_an_action_allowed_on_every_resource_has_no_resource_types(action: str) -> None:
    service, _, name = action.partition(":")
    (definition,) = [each for each in parliament.iam_definition if each["prefix"] == service]
    (privilege,) = [each for each in definition["privileges"] if each["privilege"] == name]

    assert [each["resource_type"] for each in privilege["resource_types"] if each["resource_type"]] == []
