"""IAM policy documents, built from statements that name their actions and resources."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from infra.environment import Environment

Statement = dict[str, Any]
"""One statement of a policy, as IAM's JSON has it."""


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]] = (),
    *,
    service: str | None = None,
    condition: Mapping[str, Mapping[str, pulumi.Input[str]]] | None = None,
) -> Statement:
    """Return a statement that allows actions on resources.

    Args:
        sid: what the statement is for, in letters and digits.
        actions: exact actions, for example `dynamodb:PutItem`.
        resources: exact ARNs. A trust policy has none: its resource is the role it belongs to.
        service: the AWS service that is allowed, in a resource's own policy or a trust policy.
        condition: condition operator to key to value.
    """
    statement: Statement = {"Sid": sid, "Effect": "Allow"}
    if service:
        statement["Principal"] = {"Service": service}
    statement["Action"] = list(actions)
    if resources:
        statement["Resource"] = list(resources)
    if condition:
        statement["Condition"] = condition
    return statement


def tls_only(
    environment: Environment, actions: Sequence[str], resources: Sequence[pulumi.Input[str]]
) -> list[Statement]:
    """Return the statement that denies requests without TLS; none if the stack doesn't require it.

    Args:
        environment: its setting `requireTls` decides.
        actions: all that the service takes in a resource's policy: `sqs:*`, `s3:*`, but
            `sns:Publish`, because SNS refuses a topic policy that names more.
        resources: ARNs of what the policy is attached to.

    Source: Security Hub controls S3.5 and SQS.1's remediation, `aws:SecureTransport`.
    """
    if not environment.settings.require_tls:
        return []
    return [
        {
            "Sid": "DenyUnencryptedTransport",
            "Effect": "Deny",
            "Principal": "*",
            "Action": list(actions),
            "Resource": list(resources),
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def policy_document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """Return the JSON of a policy.

    It is built here and not by the provider's data source, so that a preview in which ARNs are
    still unknown needs no call to AWS.
    """
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})
