"""IAM roles and their policies."""

from local.deploy.resources.enforceable_policy import as_written, enforceable
from local.deploy.resources.handler import Draft, Properties, ResourceHandler
from local.deploy.resources.values import names


def _role_from_service(properties: Draft, _returned: Properties, _state: Properties) -> Draft:
    if boundary := properties.get("permissionsBoundary"):
        return {**properties, "permissionsBoundary": boundary["permissionsBoundaryArn"]}
    return properties


def _policy_from_service(properties: Draft, _returned: Properties, _state: Properties) -> Draft:
    return {**properties, "policy": as_written(properties["policy"])}


HANDLERS = (
    ResourceHandler(
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
        defaults={"description": "", "maxSessionDuration": 3600},
        absent={"maxSessionDuration": 3600},
        outputs={"arn": "{arn}", "uniqueId": "{roleId}", "createDate": "{createDate}"},
        from_service=_role_from_service,
        tag_operations=("ListRoleTags", "TagRole", "UntagRole"),
    ),
    ResourceHandler(
        pulumi_type="aws:iam/rolePolicy:RolePolicy",
        operations="PutRolePolicy GetRolePolicy PutRolePolicy DeleteRolePolicy",
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
