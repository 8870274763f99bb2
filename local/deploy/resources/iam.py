"""IAM roles and their policies."""

from typing import Any

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.enforceable_policy import as_written, enforceable
from local.deploy.resources.handler import Properties, ResourceHandler, changed, names, without


class _Role(ResourceHandler):
    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        if boundary := properties.get("permissionsBoundary"):
            properties["permissionsBoundary"] = boundary["permissionsBoundaryArn"]
        return properties

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "assumeRolePolicy"):
            clients.iam.update_assume_role_policy(RoleName=resource_id, PolicyDocument=new["assumeRolePolicy"])
        if changed(old, new, "permissionsBoundary"):
            if boundary := new.get("permissionsBoundary"):
                clients.iam.put_role_permissions_boundary(RoleName=resource_id, PermissionsBoundary=boundary)
            else:
                clients.iam.delete_role_permissions_boundary(RoleName=resource_id)
        done = {"assumeRolePolicy", "permissionsBoundary"}
        super()._update(clients, resource_id, without(old, done), without(new, done))


class _RolePolicy(ResourceHandler):
    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**inputs, "policy": enforceable(inputs["policy"])}

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        return {**properties, "policy": as_written(properties["policy"])}


HANDLERS = (
    _Role(
        pulumi_type="aws:iam/role:Role",
        client="iam",
        required=names("assumeRolePolicy name"),
        optional=names("description maxSessionDuration path permissionsBoundary tags"),
        replace_on=names("name path"),
        create_operation="CreateRole",
        read_operation="GetRole",
        update_operation="UpdateRole",
        delete_operation="DeleteRole",
        id="{name}",
        identity={"RoleName": "{name}"},
        result="role",
        renamed={"RoleName": "name", "AssumeRolePolicyDocument": "assumeRolePolicy"},
        documents=names("assumeRolePolicy"),
        taken_away={"description": "", "maxSessionDuration": 3600},
        absent={"maxSessionDuration": 3600},
        outputs={"arn": "{arn}", "uniqueId": "{roleId}", "createDate": "{createDate}"},
        tag_operations=("ListRoleTags", "TagRole", "UntagRole"),
    ),
    _RolePolicy(
        pulumi_type="aws:iam/rolePolicy:RolePolicy",
        client="iam",
        required=names("name policy role"),
        replace_on=names("name role"),
        create_operation="PutRolePolicy",
        read_operation="GetRolePolicy",
        delete_operation="DeleteRolePolicy",
        id="{role}:{name}",
        identity={"RoleName": "{role}", "PolicyName": "{name}"},
        renamed={"RoleName": "role", "PolicyName": "name", "PolicyDocument": "policy"},
        documents=names("policy"),
    ),
    ResourceHandler(
        pulumi_type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        client="iam",
        required=names("policyArn role"),
        replace_on=names("policyArn role"),
        create_operation="AttachRolePolicy",
        read_operation="ListAttachedRolePolicies",
        delete_operation="DetachRolePolicy",
        id="{role}/{policyArn}",
        identity={"RoleName": "{role}", "PolicyArn": "{policyArn}"},
        result="attachedPolicies",
        renamed={"RoleName": "role"},
    ),
)
