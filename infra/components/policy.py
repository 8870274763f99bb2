"""IAM policies as data: a statement names its actions and resources, and nothing is added on the way to AWS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy.

    Attributes:
        sid: says what the statement is for, in letters and digits.
        actions: exact actions, for example `dynamodb:PutItem`.
        resources: exact ARNs; none in a trust policy, whose resource is the role it belongs to.
        effect: Allow or Deny.
        principal: who, in a resource's own policy; a role's policy has none.
        condition: condition operator to key to value.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]]
    effect: str = "Allow"
    principal: Mapping[str, str] | str | None = None
    condition: Mapping[str, Mapping[str, pulumi.Input[str]]] | None = None


def policy_document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """The JSON of a policy.

    Built here and not by the provider's data source, so that a preview with unknown ARNs needs no call to AWS.
    """
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [_statement(statement) for statement in statements],
        }
    )


def _statement(statement: Statement) -> dict[str, Any]:
    document: dict[str, Any] = {"Sid": statement.sid, "Effect": statement.effect}
    if statement.principal is not None:
        document["Principal"] = statement.principal
    document["Action"] = list(statement.actions)
    if statement.resources:
        document["Resource"] = list(statement.resources)
    if statement.condition is not None:
        document["Condition"] = statement.condition
    return document


def deny_unencrypted_transport(actions: Sequence[str], resources: Sequence[pulumi.Input[str]]) -> Statement:
    """Refuse every request to a resource that doesn't come over TLS.

    Args:
        actions: all that the policy's service takes in it: `sqs:*`, `s3:*`, but `sns:Publish`, since SNS refuses a
            topic's policy that says more.
        resources: ARNs the policy is attached to.

    Source: Security Hub controls S3.5 and SQS.1's remediation, `aws:SecureTransport`.
    """
    return Statement(
        sid="DenyUnencryptedTransport",
        effect="Deny",
        principal="*",
        actions=actions,
        resources=resources,
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )
