"""Examples of domains, their certificates and records, and of a web ACL."""

from typing import Any

from tests.support.local.resource_examples.example import (
    API,
    CERTIFICATE,
    DOMAIN_NAME,
    STAGE,
    TAGS,
    WEB_ACL,
    Example,
    Examples,
)


def _rule(limit: int) -> dict[str, Any]:
    method_is_post: dict[str, Any] = {
        "fieldToMatch": {"method": {}},
        "positionalConstraint": "EXACTLY",
        "searchString": "POST",
        "textTransformations": [{"priority": 0, "type": "NONE"}],
    }
    headers = [{"name": "retry-after", "value": "60"}]
    response = {"responseCode": 429, "customResponseBodyKey": "limited", "responseHeaders": headers}
    return {
        "name": "per-client",
        "priority": 0,
        "action": {"block": {"customResponse": response}},
        "statement": {
            "rateBasedStatement": {
                "limit": limit,
                "evaluationWindowSec": 300,
                "aggregateKeyType": "IP",
                "scopeDownStatement": {"byteMatchStatement": method_is_post},
            }
        },
        "visibilityConfig": _metrics("limited"),
    }


def _metrics(name: str) -> dict[str, Any]:
    return {"cloudwatchMetricsEnabled": True, "metricName": name, "sampledRequestsEnabled": False}


DOMAINS: Examples = {
    CERTIFICATE: lambda _: Example(
        {"domainName": "www.example.com", "validationMethod": "DNS", "region": "us-west-2", "tags": TAGS},
        {"tags": {"only": "this"}},
    ),
    "aws:acm/certificateValidation:CertificateValidation": lambda dependencies: Example(
        {
            "certificateArn": dependencies.get(CERTIFICATE)["arn"],
            "region": "us-west-2",
            "validationRecordFqdns": ["_validation.www.example.com"],
        }
    ),
    "aws:route53/record:Record": lambda dependencies: Example(
        {
            "zoneId": dependencies.hosted_zone_id(),
            "name": "www.example.com",
            "type": "A",
            "aliases": [{"name": "d.cloudfront.net", "zoneId": "Z2FDTNDATAQYW2", "evaluateTargetHealth": False}],
        },
        {"aliases": None, "records": ["192.0.2.1"], "ttl": 60},
    ),
    DOMAIN_NAME: lambda dependencies: Example(
        {
            "domainName": "api.example.com",
            "domainNameConfiguration": {
                "certificateArn": dependencies.get(CERTIFICATE)["arn"],
                "endpointType": "REGIONAL",
                "securityPolicy": "TLS_1_2",
            },
            "tags": TAGS,
        },
        {"tags": {"only": "this"}},
    ),
    "aws:apigatewayv2/apiMapping:ApiMapping": lambda dependencies: Example(
        {
            "apiId": dependencies.get(API)["id"],
            "domainName": dependencies.get(DOMAIN_NAME)["domainName"],
            "stage": dependencies.get(STAGE)["id"],
        },
        {"apiMappingKey": "v2"},
    ),
    WEB_ACL: lambda _: Example(
        {
            "name": "clients",
            "description": "Limits each client",
            "scope": "CLOUDFRONT",
            "region": "us-east-1",
            "defaultAction": {"allow": {}},
            "customResponseBodies": [{"key": "limited", "content": "{}", "contentType": "APPLICATION_JSON"}],
            "rules": [_rule(100)],
            "visibilityConfig": _metrics("clients"),
            "tags": TAGS,
        },
        {"rules": [_rule(10)], "visibilityConfig": _metrics("others"), "tags": {"only": "this"}},
    ),
}
