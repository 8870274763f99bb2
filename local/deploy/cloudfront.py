"""CloudFront: a distribution over a private bucket, and what it refers to."""

import uuid
from typing import Any

from typing_extensions import override

from functions.runtime.json_log import is_array, is_object
from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler, without
from local.deploy.values import names

_EVERY_DISTRIBUTION_ZONE = "Z2FDTNDATAQYW2"
"""Route 53's zone of CloudFront's names. Source: Route 53 API reference, AliasTarget."""


class _Versioned(ResourceHandler):
    """A resource that is changed by naming its current version, an entity tag."""

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        super()._update(clients, resource_id, {**old, "etag": self._etag(clients, resource_id)}, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        super()._delete(clients, resource_id, {**state, "etag": self._etag(clients, resource_id)})

    def _etag(self, clients: Clients, resource_id: str) -> str:
        return self.send(clients, self.operation.read, {"id": resource_id}, {})["etag"]


class _Distribution(_Versioned):
    """A distribution whose origins are buckets, read with an origin access control."""

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        config = self.to_service(without(inputs, self.unsent | {"tags"}))
        sent = {"distributionConfig": {"callerReference": str(uuid.uuid4()), **config}, "tags": inputs.get("tags", {})}
        created = self.send(clients, self.operation.create, {}, {"distributionConfigWithTags": sent})
        return created["distribution"]["id"]

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


def _distribution_to_service(inputs: Draft) -> Draft:
    geography = inputs["restrictions"]["geoRestriction"]
    locations = {"items": geography["locations"]} if geography.get("locations") else {}
    return {
        "comment": "",
        **inputs,
        "origins": [_origin_to_service(each) for each in inputs["origins"]],
        "defaultCacheBehavior": _behavior_to_service(inputs["defaultCacheBehavior"]),
        "orderedCacheBehaviors": [_behavior_to_service(each) for each in inputs.get("orderedCacheBehaviors", [])],
        "restrictions": {"geoRestriction": {"restrictionType": geography["restrictionType"], **locations}},
    }


def _origin_to_service(origin: Properties) -> Draft:
    # An S3 origin has this even where the origin access control makes it empty.
    s3_origin = {} if "customOriginConfig" in origin else {"s3OriginConfig": {"originAccessIdentity": ""}}
    return {**s3_origin, **without(origin, {"originId"}), "id": origin["originId"]}


def _behavior_to_service(behavior: Properties) -> Draft:
    allowed = {"items": behavior["allowedMethods"], "cachedMethods": behavior["cachedMethods"]}
    return {**without(behavior, {"cachedMethods"}), "allowedMethods": allowed}


def _distribution_from_service(properties: Draft, returned: Properties, state: Properties) -> Draft:
    """Add the parts that are not as they were asked for.

    CloudFront returns each part with all that it adds, so one that has what was asked for stays as
    it was given.
    """
    if not state.keys() >= _REQUIRED:
        return properties
    wanted = _distribution_to_service(dict(state))
    changes = {name for name in _PARTS if not _holds(returned[name], wanted[name])}
    geography = returned["restrictions"]["geoRestriction"]
    parts = {
        "defaultCacheBehavior": _behavior_from_service(returned["defaultCacheBehavior"]),
        "orderedCacheBehaviors": [_behavior_from_service(each) for each in returned["orderedCacheBehaviors"]],
        "origins": [{**without(each, {"id"}), "originId": each["id"]} for each in returned["origins"]],
        "restrictions": {
            "geoRestriction": {"restrictionType": geography["restrictionType"], "locations": geography.get("items", [])}
        },
        "viewerCertificate": {
            name: value for name, value in returned["viewerCertificate"].items() if name in _CERTIFICATE
        },
    }
    return {**properties, **{name: parts[name] for name in changes}}


def _behavior_from_service(behavior: Properties) -> Draft:
    methods = behavior.get("allowedMethods", {})
    allowed, cached = methods.get("items", []), methods.get("cachedMethods", [])
    return {**behavior, "allowedMethods": allowed, "cachedMethods": cached}


def _holds(live: Any, wanted: Any) -> bool:
    """Return whether a part of a configuration has all that was asked for, whatever else it has."""
    if is_object(wanted):
        return is_object(live) and all(name in live and _holds(live[name], wanted[name]) for name in wanted)
    if is_array(wanted):
        return len(live) == len(wanted) and all(map(_holds, live, wanted))
    return live == wanted


def _headers_policy_from_service(properties: Draft, _returned: Properties, _state: Properties) -> Draft:
    set_ones = {name: value for name, value in properties.items() if value}
    if custom := set_ones.get("customHeadersConfig"):
        set_ones["customHeadersConfig"] = {"items": custom}
    return set_ones


_REQUIRED = names("defaultCacheBehavior enabled origins restrictions viewerCertificate")

HANDLERS = (
    _Distribution(
        pulumi_type="aws:cloudfront/distribution:Distribution",
        operations="CreateDistributionWithTags GetDistribution UpdateDistribution DeleteDistribution",
        required=_REQUIRED,
        optional=names(
            "aliases comment defaultRootObject httpVersion isIpv6Enabled orderedCacheBehaviors priceClass tags "
            "waitForDeployment webAclId"
        ),
        write_only=_PARTS | {"waitForDeployment"},
        unsent=names("waitForDeployment"),
        id="{id}",
        parameters={"IfMatch": "{etag}"},
        wrapper="DistributionConfig",
        result="distribution distributionConfig",
        # What an update has to say, so that CloudFront takes it away.
        defaults={"aliases": [], "webAclId": ""},
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
        to_service=_distribution_to_service,
        from_service=_distribution_from_service,
    ),
    _Versioned(
        pulumi_type="aws:cloudfront/originAccessControl:OriginAccessControl",
        operations=(
            "CreateOriginAccessControl GetOriginAccessControlConfig UpdateOriginAccessControl DeleteOriginAccessControl"
        ),
        required=names("name originAccessControlOriginType signingBehavior signingProtocol"),
        optional=names("description"),
        id="{originAccessControl[id]}",
        parameters={"IfMatch": "{etag}"},
        wrapper="OriginAccessControlConfig",
        renamed={"ETag": "etag"},
        outputs={"arn": "arn:aws:cloudfront::{clients.account_id}:origin-access-control/{id}", "etag": "{etag}"},
    ),
    _Versioned(
        pulumi_type="aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        operations=(
            "CreateResponseHeadersPolicy GetResponseHeadersPolicyConfig UpdateResponseHeadersPolicy "
            "DeleteResponseHeadersPolicy"
        ),
        required=names("name"),
        optional=names("comment customHeadersConfig securityHeadersConfig"),
        id="{responseHeadersPolicy[id]}",
        parameters={"IfMatch": "{etag}"},
        wrapper="ResponseHeadersPolicyConfig",
        renamed={"ETag": "etag"},
        outputs={"arn": "arn:aws:cloudfront::{clients.account_id}:response-headers-policy/{id}", "etag": "{etag}"},
        from_service=_headers_policy_from_service,
    ),
)
