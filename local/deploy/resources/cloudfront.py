"""CloudFront: a distribution over a private bucket, and what it refers to."""

import uuid
from typing import Any, cast

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, names, without

_EVERY_DISTRIBUTION_ZONE = "Z2FDTNDATAQYW2"
"""Route 53's zone of CloudFront's names. Source: Route 53 API reference, AliasTarget."""

_METHODS = ("allowedMethods", "cachedMethods")


class _Versioned(ResourceHandler):
    """A resource whose changes name the version they are made to: the newest one's entity tag."""

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        super()._update(clients, resource_id, {**old, "etag": self._etag(clients, resource_id)}, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        super()._delete(clients, resource_id, {**state, "etag": self._etag(clients, resource_id)})

    def _etag(self, clients: Clients, resource_id: str) -> str:
        return self.send(clients, self.read_operation, {"id": resource_id}, {})["etag"]


class _Distribution(_Versioned):
    """A distribution whose origins are buckets, read with an origin access control.

    CloudFront returns each part of the configuration with all that it adds. A part is read back only if it no longer
    has what was asked for.
    """

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        config = self._prepared(without(inputs, names("tags waitForDeployment")))
        sent = {"distributionConfig": {"callerReference": str(uuid.uuid4()), **config}, "tags": inputs.get("tags", {})}
        created = self.send(clients, self.create_operation, {}, {"distributionConfigWithTags": sent})
        return created["distribution"]["id"]

    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        geography = inputs["restrictions"]["geoRestriction"]
        locations = {"items": geography["locations"]} if geography.get("locations") else {}
        # An S3 origin has this even where the origin access control makes it empty.
        s3_origin = {"s3OriginConfig": {"originAccessIdentity": ""}}
        return {
            "comment": "",
            **inputs,
            "origins": [
                {**s3_origin, **without(origin, {"originId"}), "id": origin["originId"]} for origin in inputs["origins"]
            ],
            "defaultCacheBehavior": _service_behavior(inputs["defaultCacheBehavior"]),
            "orderedCacheBehaviors": [_service_behavior(each) for each in inputs.get("orderedCacheBehaviors", [])],
            "restrictions": {"geoRestriction": {"restrictionType": geography["restrictionType"], **locations}},
        }

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        if not state.keys() >= self.required:
            return properties
        wanted = self._prepared(dict(state))
        parts = {name: returned[name] for name in _PARTS if not _holds(returned[name], wanted[name])}
        if "defaultCacheBehavior" in parts:
            parts["defaultCacheBehavior"] = _provider_behavior(parts["defaultCacheBehavior"])
        if "orderedCacheBehaviors" in parts:
            parts["orderedCacheBehaviors"] = [_provider_behavior(each) for each in parts["orderedCacheBehaviors"]]
        if "origins" in parts:
            parts["origins"] = [{**without(each, {"id"}), "originId": each["id"]} for each in parts["origins"]]
        if "restrictions" in parts:
            geography = parts["restrictions"]["geoRestriction"]
            locations = {"restrictionType": geography["restrictionType"], "locations": geography.get("items", [])}
            parts["restrictions"] = {"geoRestriction": locations}
        if "viewerCertificate" in parts:
            parts["viewerCertificate"] = {
                name: value for name, value in parts["viewerCertificate"].items() if name in _CERTIFICATE
            }
        return properties | parts

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        super()._update(clients, resource_id, old, {**new, "callerReference": old["callerReference"]})

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        live = clients.cloudfront.get_distribution_config(Id=resource_id)
        if live["DistributionConfig"]["Enabled"]:
            # CloudFront deletes only a disabled distribution.
            config: Any = {**live["DistributionConfig"], "Enabled": False}
            clients.cloudfront.update_distribution(Id=resource_id, IfMatch=live["ETag"], DistributionConfig=config)
        super()._delete(clients, resource_id, state)


_PARTS = names("defaultCacheBehavior orderedCacheBehaviors origins restrictions viewerCertificate")
_CERTIFICATE = names("acmCertificateArn cloudfrontDefaultCertificate minimumProtocolVersion sslSupportMethod")


def _service_behavior(behavior: Properties) -> dict[str, Any]:
    allowed = {"items": behavior["allowedMethods"], "cachedMethods": behavior["cachedMethods"]}
    return {**without(behavior, _METHODS), "allowedMethods": allowed}


def _provider_behavior(behavior: Properties) -> dict[str, Any]:
    allowed = behavior.get("allowedMethods", {})
    methods = {"allowedMethods": allowed.get("items", []), "cachedMethods": allowed.get("cachedMethods", [])}
    return {**behavior, **methods}


def _holds(live: Any, wanted: Any) -> bool:
    """Return whether a part of a configuration has all that was asked for, whatever CloudFront adds to it."""
    if isinstance(wanted, dict):
        parts = cast("dict[str, Any]", wanted)
        return isinstance(live, dict) and all(name in live and _holds(live[name], parts[name]) for name in parts)
    if isinstance(wanted, list):
        items, found = cast("list[Any]", wanted), cast("list[Any]", live)
        return len(found) == len(items) and all(map(_holds, found, items))
    return live == wanted


class _ResponseHeadersPolicy(_Versioned):
    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        if custom := properties.pop("customHeadersConfig", None):
            properties["customHeadersConfig"] = {"items": custom}
        return {name: value for name, value in properties.items() if value}


HANDLERS = (
    _Distribution(
        pulumi_type="aws:cloudfront/distribution:Distribution",
        client="cloudfront",
        required=names("defaultCacheBehavior enabled origins restrictions viewerCertificate"),
        optional=names(
            "comment defaultRootObject httpVersion isIpv6Enabled orderedCacheBehaviors priceClass tags "
            "waitForDeployment"
        ),
        write_only=_PARTS | {"waitForDeployment"},
        by_hand=names("waitForDeployment"),
        create_operation="CreateDistributionWithTags",
        read_operation="GetDistribution",
        update_operation="UpdateDistribution",
        delete_operation="DeleteDistribution",
        id="{id}",
        identity={"Id": "{id}", "IfMatch": "{etag}", "Resource": "{arn}"},
        wrapper="DistributionConfig",
        result="distribution distributionConfig",
        renamed={
            "CacheBehaviors": "orderedCacheBehaviors",
            "CloudFrontDefaultCertificate": "cloudfrontDefaultCertificate",
            "ETag": "etag",
        },
        outputs={
            "arn": "{arn}",
            "callerReference": "{callerReference}",
            "domainName": "{domainName}",
            "etag": "{etag}",
            "hostedZoneId": _EVERY_DISTRIBUTION_ZONE,
            "status": "{status}",
        },
    ),
    _Versioned(
        pulumi_type="aws:cloudfront/originAccessControl:OriginAccessControl",
        client="cloudfront",
        required=names("name originAccessControlOriginType signingBehavior signingProtocol"),
        optional=names("description"),
        create_operation="CreateOriginAccessControl",
        read_operation="GetOriginAccessControlConfig",
        update_operation="UpdateOriginAccessControl",
        delete_operation="DeleteOriginAccessControl",
        id="{originAccessControl[id]}",
        identity={"Id": "{id}", "IfMatch": "{etag}"},
        wrapper="OriginAccessControlConfig",
        result="originAccessControlConfig",
        renamed={"ETag": "etag"},
        outputs={
            "arn": "arn:aws:cloudfront::{clients.account_id}:origin-access-control/{id}",
            "etag": "{etag}",
        },
    ),
    _ResponseHeadersPolicy(
        pulumi_type="aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        client="cloudfront",
        required=names("name"),
        optional=names("comment customHeadersConfig securityHeadersConfig"),
        create_operation="CreateResponseHeadersPolicy",
        read_operation="GetResponseHeadersPolicyConfig",
        update_operation="UpdateResponseHeadersPolicy",
        delete_operation="DeleteResponseHeadersPolicy",
        id="{responseHeadersPolicy[id]}",
        identity={"Id": "{id}", "IfMatch": "{etag}"},
        wrapper="ResponseHeadersPolicyConfig",
        result="responseHeadersPolicyConfig",
        renamed={"ETag": "etag"},
        outputs={
            "arn": "arn:aws:cloudfront::{clients.account_id}:response-headers-policy/{id}",
            "etag": "{etag}",
        },
    ),
)
