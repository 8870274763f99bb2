"""IAM roles and their policies, which the emulator gets in a form that it can enforce.

The emulator (ministack 1.5.33) differs in three ways, and a policy gets a statement more for each:

- It doesn't see which stream a call of the Streams API is about, and requires the right to all
  resources, which a policy that names its stream doesn't give. The same actions are granted on
  everything: actions are enforced then, but not that a role reads only its own stream.
- It requires sqs:SendMessageBatch and sns:PublishBatch, actions that AWS doesn't have: there the
  right to sqs:SendMessage is the right to a batch of them, and so is sns:Publish. Sources: SQS
  developer guide, "Amazon SQS API permissions: actions and resource reference"; SNS developer
  guide, "Amazon SNS message batching".
"""

import json
from typing import Any

from typing_extensions import override

from functions.runtime.json_log import is_array
from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler
from local.deploy.values import names

_ADDED = "OnTheEmulator"
"""How the ids of the added statements begin, so that `as_written` finds them."""

_SOURCE_ACCOUNT = "aws:SourceAccount"
_STREAM_READS = frozenset({"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"})
_BATCH_OF = {
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
    "sqs:DeleteMessage": "sqs:DeleteMessageBatch",
    "sns:Publish": "sns:PublishBatch",
    "sqs:SendMessage": "sqs:SendMessageBatch",
}


def enforceable(policy: str) -> str:
    """Return a role's policy, a JSON text, as the emulator needs it."""
    document: dict[str, Any] = json.loads(policy)
    statements = _listed(document.get("Statement", []))
    allowed = [(each, set(_listed(each.get("Action", [])))) for each in statements if each.get("Effect") == "Allow"]
    stream_reads = {action for each, actions in allowed if _names_stream(each) for action in actions & _STREAM_READS}
    added = [{"Action": sorted(stream_reads), "Resource": "*"}] if stream_reads else []
    added += [
        {**each, "Action": [_BATCH_OF[action] for action in sorted(actions & _BATCH_OF.keys())]}
        for each, actions in allowed
        if actions & _BATCH_OF.keys()
    ]
    return _with(document, statements, [{**grant, "Effect": "Allow"} for grant in added]) if added else policy


def assumable(trust: str) -> str:
    """Return a role's trust policy, a JSON text, as the emulator needs it."""
    document: dict[str, Any] = json.loads(trust)
    statements = _listed(document.get("Statement", []))
    text = json.dumps([each for each in statements if _SOURCE_ACCOUNT in json.dumps(each.get("Condition", {}))])
    added: list[dict[str, Any]] = json.loads(text.replace(_SOURCE_ACCOUNT, "aws:PrincipalAccount"))
    return _with(document, statements, added) if added else trust


def as_written(document: dict[str, Any]) -> dict[str, Any]:
    """Return the emulator's policy without what `enforceable` added."""
    statements = _listed(document.get("Statement", []))
    kept = [statement for statement in statements if not statement.get("Sid", "").startswith(_ADDED)]
    return document if len(kept) == len(statements) else {**document, "Statement": kept}


def _with(document: dict[str, Any], statements: list[Any], added: list[dict[str, Any]]) -> str:
    numbered = [{**statement, "Sid": f"{_ADDED}{number}"} for number, statement in enumerate(added)]
    return json.dumps({**document, "Statement": [*statements, *numbered]})


def _names_stream(statement: dict[str, Any]) -> bool:
    return any(":dynamodb:" in arn and "/stream/" in arn for arn in _listed(statement.get("Resource", [])))


def _listed(value: Any) -> list[Any]:
    """Return as a list what a policy may write alone or as a list."""
    return value if is_array(value) else [value]


class _Role(ResourceHandler):
    """A role with a trust policy that the emulator can enforce."""

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        return super()._create(clients, _with_assumable_trust(inputs))

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        super()._update(clients, resource_id, _with_assumable_trust(old), _with_assumable_trust(new))


def _with_assumable_trust(inputs: Properties) -> Draft:
    return {**inputs, "assumeRolePolicy": assumable(inputs["assumeRolePolicy"])}


def _role_from_service(properties: Draft, _returned: Properties, _state: Properties) -> Draft:
    properties = {**properties, "assumeRolePolicy": as_written(properties["assumeRolePolicy"])}
    if boundary := properties.get("permissionsBoundary"):
        return {**properties, "permissionsBoundary": boundary["permissionsBoundaryArn"]}
    return properties


def _policy_from_service(properties: Draft, _returned: Properties, _state: Properties) -> Draft:
    return {**properties, "policy": as_written(properties["policy"])}


HANDLERS = (
    _Role(
        pulumi_type="aws:iam/role:Role",
        operations="CreateRole GetRole UpdateRole DeleteRole",
        required=names("assumeRolePolicy name"),
        optional=names("description maxSessionDuration path permissionsBoundary tags"),
        immutable=names("path"),
        separate={
            "assumeRolePolicy": ("UpdateAssumeRolePolicy", ""),
            "permissionsBoundary": ("PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"),
        },
        id="{name}",
        result="role",
        renamed={
            "AssumeRolePolicyDocument": "assumeRolePolicy",
            "PolicyDocument": "assumeRolePolicy",
            "RoleName": "name",
        },
        documents=names("assumeRolePolicy"),
        # Source: IAM API reference, CreateRole.
        defaults={"description": "", "maxSessionDuration": 3600, "path": "/"},
        absent={"maxSessionDuration": 3600},
        outputs={"arn": "{arn}", "uniqueId": "{roleId}", "createDate": "{createDate}"},
        from_service=_role_from_service,
        tag_operations=("ListRoleTags", "TagRole", "UntagRole"),
    ),
    ResourceHandler(
        pulumi_type="aws:iam/rolePolicy:RolePolicy",
        operations="PutRolePolicy GetRolePolicy DeleteRolePolicy",
        required=names("name policy role"),
        id="{role}:{name}",
        renamed={"RoleName": "role", "PolicyName": "name", "PolicyDocument": "policy"},
        documents=names("policy"),
        to_service=lambda inputs: {**inputs, "policy": enforceable(inputs["policy"])},
        from_service=_policy_from_service,
    ),
    ResourceHandler(
        pulumi_type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        operations="AttachRolePolicy ListAttachedRolePolicies - DetachRolePolicy",
        required=names("policyArn role"),
        id="{role}/{policyArn}",
        result="attachedPolicies",
        renamed={"RoleName": "role"},
    ),
)
