"""One statement of an IAM policy. Pulumi isn't imported here, so a declaration can make one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pulumi

Statement = dict[str, Any]
"""One statement of a policy, as IAM's JSON has it."""


def allow(
    sid: str,
    actions: Sequence[str],
    resources: "Sequence[pulumi.Input[str]]" = (),
    *,
    service: str | None = None,
    condition: "Mapping[str, Mapping[str, pulumi.Input[str]]] | None" = None,
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
