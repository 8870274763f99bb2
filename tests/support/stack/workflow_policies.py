"""The policies of the workflows' roles, filled in for an environment, and what they decide."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ministack.core import iam_evaluator

from infra.naming import PROJECT_ROOT
from tests.support.stack.provider_answers import ACCOUNT_ID, REGION

FOLDER = PROJECT_ROOT / ".github" / "aws"

STATE_BUCKET = "acme-pulumi-state"
REPOSITORY = "acme@1001/userstream@2002"
HOSTED_ZONE_ID = "Z0123456789ABCDEFGHIJ"

ANYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
"""More than any policy of AWS that somebody may attach to a role, such as ReadOnlyAccess."""


def state_key_arn(environment: str) -> str:
    """Return the ARN of the key of an environment's state."""
    return f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/key-of-{environment}"


def trust_policy(role: str, environment: str) -> str:
    """Return the trust policy of a role (`preview` or `deploy`) as JSON."""
    return _filled(f"trust-{role}.json", environment)


def policies(role: str, environment: str) -> dict[str, str]:
    """Return a role's policies as JSON, by their files' names."""
    return {path.name: _filled(path.name, environment) for path in sorted(FOLDER.glob(f"{role}-*.json"))}


def _filled(file: str, environment: str) -> str:
    text = (FOLDER / file).read_text(encoding="utf-8")
    for name, value in {
        "ACCOUNT_ID": ACCOUNT_ID,
        "REGION": REGION,
        "ENVIRONMENT": environment,
        "STATE_BUCKET": STATE_BUCKET,
        "STATE_KEY_ID": f"key-of-{environment}",
        "REPOSITORY": REPOSITORY,
        "HOSTED_ZONE_ID": HOSTED_ZONE_ID,
    }.items():
        text = text.replace(name, value)
    return text


def statements(documents: Iterable[str]) -> list[dict[str, Any]]:
    """Return the statements of policies, with a list of actions each."""
    found: list[dict[str, Any]] = [each for text in documents for each in json.loads(text)["Statement"]]
    return [
        {**each, "Action": [each["Action"]] if isinstance(each.get("Action"), str) else each.get("Action", [])}
        for each in found
    ]


def decision(documents: Iterable[str], action: str, resource: str, context: Mapping[str, Any] | None = None) -> str:
    """Return what a role's policies decide: `Allow`, `Deny`, or `ImplicitDeny` if none says so.

    Args:
        documents: the policies.
        action: as `dynamodb:GetItem`.
        resource: its ARN.
        context: condition key to value.
    """
    evaluator: Any = iam_evaluator
    asked = evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/userstream/run",
        principal_type="AssumedRole",
        principal_account=ACCOUNT_ID,
        action=action,
        resource_arn=resource,
        region=REGION,
        service_context={name.lower(): value for name, value in (context or {}).items()},
    )
    return evaluator.evaluate(asked, [evaluator.parse_policy_document(text) for text in documents]).decision
