"""IAM policy documents, built from statements (statement.py)."""

from collections.abc import Sequence

import pulumi

from infra.components.statement import Statement
from infra.environment import Environment


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
