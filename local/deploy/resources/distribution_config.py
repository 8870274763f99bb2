"""A distribution's inputs as the configuration that CloudFront takes, and back where the two differ."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from local.deploy.resources.handler import Properties
from local.deploy.resources.values import lower_keys, present, upper_keys

SIMPLE = {
    "comment": "Comment",
    "defaultRootObject": "DefaultRootObject",
    "enabled": "Enabled",
    "httpVersion": "HttpVersion",
    "isIpv6Enabled": "IsIPV6Enabled",
    "priceClass": "PriceClass",
}
"""Inputs of a distribution that are one value each."""

PARTS = {
    "defaultCacheBehavior": "DefaultCacheBehavior",
    "orderedCacheBehaviors": "CacheBehaviors",
    "origins": "Origins",
    "restrictions": "Restrictions",
    "viewerCertificate": "ViewerCertificate",
}
"""Inputs of a distribution that CloudFront tells with all that it adds to them."""


def distribution_config(inputs: Properties) -> dict[str, Any]:
    """What CloudFront takes, but for the reference that tells a caller's own repetition."""
    configuration: dict[str, Any] = {member: inputs[name] for name, member in SIMPLE.items() if name in inputs}
    geography = inputs["restrictions"]["geoRestriction"]
    certificate = inputs["viewerCertificate"]
    return configuration | {
        "Comment": inputs.get("comment", ""),
        "Origins": items([_origin(origin) for origin in inputs["origins"]]),
        "DefaultCacheBehavior": _behavior(inputs["defaultCacheBehavior"]),
        "CacheBehaviors": items([_behavior(behavior) for behavior in inputs.get("orderedCacheBehaviors", [])]),
        "Restrictions": {
            "GeoRestriction": {
                "RestrictionType": geography["restrictionType"],
                **items(geography.get("locations", [])),
            }
        },
        "ViewerCertificate": present(
            CloudFrontDefaultCertificate=certificate.get("cloudfrontDefaultCertificate"),
            ACMCertificateArn=certificate.get("acmCertificateArn"),
            MinimumProtocolVersion=certificate.get("minimumProtocolVersion"),
            SSLSupportMethod=certificate.get("sslSupportMethod"),
        ),
    }


def _origin(origin: Properties) -> dict[str, Any]:
    return {
        "Id": origin["originId"],
        # An S3 origin has these even where the origin access control makes them empty.
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        **upper_keys({key: value for key, value in origin.items() if key != "originId"}),
    }


def _behavior(behavior: Properties) -> dict[str, Any]:
    methods = ("allowedMethods", "cachedMethods")
    parameters = upper_keys({key: value for key, value in behavior.items() if key not in methods})
    parameters["AllowedMethods"] = {
        **items(behavior["allowedMethods"]),
        "CachedMethods": items(behavior["cachedMethods"]),
    }
    return parameters


def items(values: list[Any]) -> dict[str, Any]:
    """A list as CloudFront takes it."""
    return {"Quantity": len(values), "Items": values} if values else {"Quantity": 0}


def changed_parts(live: Properties, wanted: Properties) -> dict[str, Any]:
    """The parts of a live configuration that are not as they were asked for, as inputs."""
    return {
        name: _INPUT_OF_PART[name](live[member])
        for name, member in PARTS.items()
        if member in live and not _holds(live[member], wanted[member])
    }


def _holds(live: Any, wanted: Any) -> bool:
    """Whether a part of a configuration has all that was asked for, whatever CloudFront adds to it."""
    if isinstance(wanted, dict):
        parts = cast("dict[str, Any]", wanted)
        return isinstance(live, dict) and all(name in live and _holds(live[name], parts[name]) for name in parts)
    if isinstance(wanted, list):
        items, found = cast("list[Any]", wanted), cast("list[Any]", live)
        return len(found) == len(items) and all(map(_holds, found, items))
    return live == wanted


def _plain(value: Any) -> Any:
    """The provider's names, and lists where CloudFront has a quantity and the items."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if "Quantity" in fields:
            return [_plain(item) for item in fields.get("Items", [])]
        return {name: _plain(item) for name, item in zip(lower_keys(fields), fields.values(), strict=True)}
    return value


def _origin_input(origin: Properties) -> dict[str, Any]:
    return {"originId": origin["Id"], **_plain({key: value for key, value in origin.items() if key != "Id"})}


def _behavior_input(behavior: Properties) -> dict[str, Any]:
    methods = behavior.get("AllowedMethods", {})
    return {**_plain(dict(behavior)), "cachedMethods": _plain(methods.get("CachedMethods", {"Quantity": 0}))}


def _certificate_input(certificate: Properties) -> dict[str, Any]:
    return present(
        cloudfrontDefaultCertificate=certificate.get("CloudFrontDefaultCertificate"),
        acmCertificateArn=certificate.get("ACMCertificateArn"),
        minimumProtocolVersion=certificate.get("MinimumProtocolVersion"),
        sslSupportMethod=certificate.get("SSLSupportMethod"),
    )


def _restrictions_input(restrictions: Properties) -> dict[str, Any]:
    geography = restrictions["GeoRestriction"]
    return {
        "geoRestriction": {
            "restrictionType": geography["RestrictionType"],
            "locations": list(geography.get("Items", [])),
        }
    }


_INPUT_OF_PART: Mapping[str, Callable[[Any], Any]] = {
    "defaultCacheBehavior": _behavior_input,
    "orderedCacheBehaviors": lambda behaviors: [_behavior_input(each) for each in behaviors.get("Items", [])],
    "origins": lambda origins: [_origin_input(each) for each in origins.get("Items", [])],
    "restrictions": _restrictions_input,
    "viewerCertificate": _certificate_input,
}
