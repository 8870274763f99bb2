"""CloudFront: a distribution over a private bucket, and what it refers to."""

import uuid
from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.distribution_config import PARTS, SIMPLE, changed_parts, distribution_config, items
from local.deploy.resources.handler import Properties, ResourceHandler
from local.deploy.resources.values import lower_keys, present, tag_changes, tag_list, tag_map, upper_keys

_EVERY_DISTRIBUTION_ZONE = "Z2FDTNDATAQYW2"
"""Route 53's zone of CloudFront's names. Source: Route 53 API reference, AliasTarget."""


class Distribution(ResourceHandler):
    """A distribution whose origins are buckets, read with an origin access control."""

    pulumi_type: ClassVar[str] = "aws:cloudfront/distribution:Distribution"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            *SIMPLE,
            "defaultCacheBehavior",
            "orderedCacheBehaviors",
            "origins",
            "restrictions",
            "tags",
            "viewerCertificate",
            "waitForDeployment",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset(
        {
            "defaultCacheBehavior",
            "enabled",
            "origins",
            "restrictions",
            "viewerCertificate",
        }
    )
    replace_on: ClassVar[frozenset[str]] = frozenset()
    write_only: ClassVar[frozenset[str]] = frozenset({*PARTS, "waitForDeployment"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        configuration: Any = {"CallerReference": str(uuid.uuid4()), **distribution_config(inputs)}
        tags: Any = {"Items": tag_list(inputs.get("tags", {}))}
        created = clients.cloudfront.create_distribution_with_tags(
            DistributionConfigWithTags={"DistributionConfig": configuration, "Tags": tags}
        )
        return created["Distribution"]["Id"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        answer = clients.cloudfront.get_distribution(Id=resource_id)
        distribution = answer["Distribution"]
        configuration: dict[str, Any] = dict(distribution["DistributionConfig"])
        tags = clients.cloudfront.list_tags_for_resource(Resource=distribution["ARN"])["Tags"].get("Items", [])
        properties = {name: configuration[member] for name, member in SIMPLE.items() if member in configuration}
        if state.keys() >= self.required:
            properties |= changed_parts(configuration, distribution_config(state))
        return properties | {
            "arn": distribution["ARN"],
            "callerReference": configuration["CallerReference"],
            "domainName": distribution["DomainName"],
            "etag": answer["ETag"],
            "hostedZoneId": _EVERY_DISTRIBUTION_ZONE,
            "status": distribution["Status"],
            "tags": tag_map(list(tags)),
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        answer = clients.cloudfront.get_distribution_config(Id=resource_id)
        reference = answer["DistributionConfig"]["CallerReference"]
        configuration: Any = {"CallerReference": reference, **distribution_config(new)}
        clients.cloudfront.update_distribution(Id=resource_id, IfMatch=answer["ETag"], DistributionConfig=configuration)
        removed, added = tag_changes(old, new)
        if removed:
            clients.cloudfront.untag_resource(Resource=old["arn"], TagKeys={"Items": removed})
        if added:
            tags: Any = {"Items": tag_list(added)}
            clients.cloudfront.tag_resource(Resource=old["arn"], Tags=tags)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        answer = clients.cloudfront.get_distribution_config(Id=resource_id)
        etag = answer["ETag"]
        if answer["DistributionConfig"]["Enabled"]:
            # CloudFront deletes what is switched off only.
            configuration: Any = {**answer["DistributionConfig"], "Enabled": False}
            etag = clients.cloudfront.update_distribution(
                Id=resource_id, IfMatch=etag, DistributionConfig=configuration
            )["ETag"]
        clients.cloudfront.delete_distribution(Id=resource_id, IfMatch=etag)


class OriginAccessControl(ResourceHandler):
    """How CloudFront signs what it asks of an origin."""

    pulumi_type: ClassVar[str] = "aws:cloudfront/originAccessControl:OriginAccessControl"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "description",
            "name",
            "originAccessControlOriginType",
            "signingBehavior",
            "signingProtocol",
        }
    )
    required: ClassVar[frozenset[str]] = supported - {"description"}
    replace_on: ClassVar[frozenset[str]] = frozenset()

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        created = clients.cloudfront.create_origin_access_control(OriginAccessControlConfig=upper_keys(inputs))
        return created.get("OriginAccessControl", {}).get("Id", "")

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        answer = clients.cloudfront.get_origin_access_control_config(Id=resource_id)
        return lower_keys(answer.get("OriginAccessControlConfig", {})) | {
            "arn": f"arn:aws:cloudfront::{clients.account_id}:origin-access-control/{resource_id}",
            "etag": answer["ETag"],
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        etag = clients.cloudfront.get_origin_access_control_config(Id=resource_id)["ETag"]
        clients.cloudfront.update_origin_access_control(
            Id=resource_id, IfMatch=etag, OriginAccessControlConfig=upper_keys(new)
        )

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        etag = clients.cloudfront.get_origin_access_control_config(Id=resource_id)["ETag"]
        clients.cloudfront.delete_origin_access_control(Id=resource_id, IfMatch=etag)


class ResponseHeadersPolicy(ResourceHandler):
    """Headers that CloudFront adds to every answer."""

    pulumi_type: ClassVar[str] = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
    supported: ClassVar[frozenset[str]] = frozenset({"comment", "customHeadersConfig", "name", "securityHeadersConfig"})
    required: ClassVar[frozenset[str]] = frozenset({"name"})
    replace_on: ClassVar[frozenset[str]] = frozenset()

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        created = clients.cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig=_headers_config(inputs))
        return created["ResponseHeadersPolicy"]["Id"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        answer = clients.cloudfront.get_response_headers_policy_config(Id=resource_id)
        configuration: dict[str, Any] = dict(answer["ResponseHeadersPolicyConfig"])
        properties: dict[str, Any] = {
            "name": configuration["Name"],
            "arn": f"arn:aws:cloudfront::{clients.account_id}:response-headers-policy/{resource_id}",
            "etag": answer["ETag"],
        }
        if custom := configuration.get("CustomHeadersConfig", {}).get("Items"):
            properties["customHeadersConfig"] = {"items": lower_keys(custom)}
        if security := configuration.get("SecurityHeadersConfig"):
            properties["securityHeadersConfig"] = _security_properties(security)
        return properties

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        etag = clients.cloudfront.get_response_headers_policy_config(Id=resource_id)["ETag"]
        clients.cloudfront.update_response_headers_policy(
            Id=resource_id, IfMatch=etag, ResponseHeadersPolicyConfig=_headers_config(new)
        )

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        etag = clients.cloudfront.get_response_headers_policy_config(Id=resource_id)["ETag"]
        clients.cloudfront.delete_response_headers_policy(Id=resource_id, IfMatch=etag)


def _headers_config(inputs: Properties) -> Any:
    security = upper_keys(inputs.get("securityHeadersConfig", {}))
    if "XssProtection" in security:
        security["XSSProtection"] = security.pop("XssProtection")
    custom = inputs.get("customHeadersConfig", {}).get("items", [])
    return present(
        Name=inputs["name"],
        Comment=inputs.get("comment"),
        SecurityHeadersConfig=security or None,
        CustomHeadersConfig=items([upper_keys(header) for header in custom]) if custom else None,
    )


def _security_properties(security: Properties) -> dict[str, Any]:
    properties = lower_keys(security)
    if "xSSProtection" in properties:
        properties["xssProtection"] = properties.pop("xSSProtection")
    return properties
