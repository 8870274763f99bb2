"""IAM roles and their policies."""

from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.enforceable_policy import as_written, enforceable
from local.deploy.resources.handler import Properties, ResourceHandler, changed, missing
from local.deploy.resources.values import present, same_document, tag_changes, tag_list, tag_map


class Role(ResourceHandler):
    """A role; its policies are resources of their own."""

    pulumi_type: ClassVar[str] = "aws:iam/role:Role"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "assumeRolePolicy",
            "description",
            "maxSessionDuration",
            "name",
            "path",
            "permissionsBoundary",
            "tags",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"assumeRolePolicy", "name"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "path"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.iam.create_role(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Tags=tag_list(inputs.get("tags", {})),  # pyright: ignore[reportArgumentType]  the same shape as TagTypeDef
            **present(
                Description=inputs.get("description"),
                MaxSessionDuration=inputs.get("maxSessionDuration"),
                Path=inputs.get("path"),
                PermissionsBoundary=inputs.get("permissionsBoundary"),
            ),
        )
        return inputs["name"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        role = clients.iam.get_role(RoleName=resource_id)["Role"]
        properties: dict[str, Any] = {
            "name": role["RoleName"],
            "arn": role["Arn"],
            "uniqueId": role["RoleId"],
            "createDate": role["CreateDate"].isoformat(),
            "path": role["Path"],
            "maxSessionDuration": role.get("MaxSessionDuration", 3600),
            "assumeRolePolicy": same_document(
                state.get("assumeRolePolicy"),
                role.get("AssumeRolePolicyDocument", {}),  # pyright: ignore[reportArgumentType]  boto3 parses it
            ),
            "tags": tag_map(clients.iam.list_role_tags(RoleName=resource_id)["Tags"]),
            **present(permissionsBoundary=role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")),
        }
        if "Description" in role:
            properties["description"] = role["Description"]
        return properties

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "assumeRolePolicy"):
            clients.iam.update_assume_role_policy(RoleName=resource_id, PolicyDocument=new["assumeRolePolicy"])
        if changed(old, new, "description", "maxSessionDuration"):
            clients.iam.update_role(
                RoleName=resource_id,
                Description=new.get("description", ""),
                MaxSessionDuration=new.get("maxSessionDuration", 3600),
            )
        if changed(old, new, "permissionsBoundary"):
            if "permissionsBoundary" in new:
                clients.iam.put_role_permissions_boundary(
                    RoleName=resource_id, PermissionsBoundary=new["permissionsBoundary"]
                )
            else:
                clients.iam.delete_role_permissions_boundary(RoleName=resource_id)
        removed, added = tag_changes(old, new)
        if removed:
            clients.iam.untag_role(RoleName=resource_id, TagKeys=removed)
        if added:
            clients.iam.tag_role(
                RoleName=resource_id,
                Tags=tag_list(added),  # pyright: ignore[reportArgumentType]  as above
            )

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.iam.delete_role(RoleName=resource_id)


class RolePolicy(ResourceHandler):
    """A policy that belongs to one role."""

    pulumi_type: ClassVar[str] = "aws:iam/rolePolicy:RolePolicy"
    supported: ClassVar[frozenset[str]] = frozenset({"name", "policy", "role"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "role"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.iam.put_role_policy(
            RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=enforceable(inputs["policy"])
        )
        return f"{inputs['role']}:{inputs['name']}"

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        role, _, name = resource_id.partition(":")
        policy = clients.iam.get_role_policy(RoleName=role, PolicyName=name)
        document: Any = policy["PolicyDocument"]  # boto3 parses it; its stubs don't say so
        return {"role": role, "name": name, "policy": same_document(state.get("policy"), as_written(document))}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        role, _, name = resource_id.partition(":")
        clients.iam.delete_role_policy(RoleName=role, PolicyName=name)


class RolePolicyAttachment(ResourceHandler):
    """A policy shared by roles, attached to one."""

    pulumi_type: ClassVar[str] = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    supported: ClassVar[frozenset[str]] = frozenset({"policyArn", "role"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = supported

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.iam.attach_role_policy(RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
        return f"{inputs['role']}/{inputs['policyArn']}"

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        role, _, policy_arn = resource_id.partition("/")
        attached = clients.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        if not any(policy.get("PolicyArn") == policy_arn for policy in attached):
            raise missing("ListAttachedRolePolicies", f"{policy_arn} is not attached to {role}")
        return {"role": role, "policyArn": policy_arn}

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        role, _, policy_arn = resource_id.partition("/")
        clients.iam.detach_role_policy(RoleName=role, PolicyArn=policy_arn)
