"""Examples of the API and of CloudFront."""

from typing import Any

from tests.support.local.resource_examples.example import (
    API,
    BUCKET,
    CERTIFICATE,
    FUNCTION,
    INTEGRATION,
    LOG_GROUP,
    OAC,
    STAGE,
    TAGS,
    WEB_ACL,
    Example,
    Examples,
)


def _behavior(**more: str) -> dict[str, Any]:
    return {
        "targetOriginId": "site",
        "viewerProtocolPolicy": "redirect-to-https",
        "allowedMethods": ["GET", "HEAD"],
        "cachedMethods": ["GET", "HEAD"],
        "compress": True,
        "cachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        **more,
    }


EDGE: Examples = {
    API: lambda _: Example(
        {
            "name": "users",
            "protocolType": "HTTP",
            "description": "Users",
            "corsConfiguration": {
                "allowOrigins": ["https://a.example"],
                "allowMethods": ["GET", "POST"],
                "allowHeaders": ["content-type"],
                "exposeHeaders": ["etag"],
                "allowCredentials": False,
                "maxAge": 3600,
            },
            "tags": TAGS,
        },
        {
            "description": "Users, once more",
            "corsConfiguration": {"allowOrigins": ["https://b.example"], "allowMethods": ["GET"], "maxAge": 60},
            "tags": {"project": "another"},
        },
    ),
    INTEGRATION: lambda dependencies: Example(
        {
            "apiId": dependencies.get(API)["id"],
            "integrationType": "AWS_PROXY",
            "integrationUri": dependencies.get(FUNCTION)["arn"],
            "integrationMethod": "POST",
            "payloadFormatVersion": "2.0",
        },
        {"description": "now with words", "timeoutMilliseconds": 5000},
    ),
    "aws:apigatewayv2/route:Route": lambda dependencies: Example(
        {
            "apiId": dependencies.get(API)["id"],
            "routeKey": "GET /users/{userId}",
            "authorizationType": "AWS_IAM",
            "target": f"integrations/{dependencies.get(INTEGRATION)['id']}",
        },
        {"authorizationType": "NONE"},
    ),
    STAGE: lambda dependencies: Example(
        {
            "apiId": dependencies.get(API)["id"],
            "name": "$default",
            "autoDeploy": True,
            "defaultRouteSettings": {"throttlingRateLimit": 100, "throttlingBurstLimit": 200},
            "accessLogSettings": {
                "destinationArn": dependencies.get(LOG_GROUP)["arn"],
                "format": '{"requestId":"$context.requestId"}',
            },
            "tags": TAGS,
        },
        {
            "defaultRouteSettings": {"throttlingRateLimit": 10, "throttlingBurstLimit": 20},
            "routeSettings": [{"routeKey": "POST /register", "throttlingRateLimit": 5, "throttlingBurstLimit": 9}],
            "tags": {"only": "this"},
        },
    ),
    "aws:cloudfront/distribution:Distribution": lambda dependencies: Example(
        {
            "comment": "the page",
            "enabled": True,
            "defaultRootObject": "index.html",
            "httpVersion": "http2and3",
            "isIpv6Enabled": True,
            "priceClass": "PriceClass_100",
            "origins": [
                {
                    "originId": "site",
                    "domainName": dependencies.get(BUCKET)["bucketRegionalDomainName"],
                    "originAccessControlId": dependencies.get(OAC)["id"],
                }
            ],
            "defaultCacheBehavior": _behavior(),
            "orderedCacheBehaviors": [_behavior(pathPattern="/config.json")],
            "restrictions": {"geoRestriction": {"restrictionType": "none"}},
            "viewerCertificate": {"cloudfrontDefaultCertificate": True},
            "tags": TAGS,
        },
        {
            "comment": "the page, renamed",
            "priceClass": "PriceClass_All",
            "aliases": ["www.example.com"],
            "webAclId": dependencies.get(WEB_ACL)["arn"],
            "origins": [
                {
                    "originId": "api",
                    "domainName": "api.example.com",
                    "customOriginConfig": {
                        "httpPort": 80,
                        "httpsPort": 443,
                        "originProtocolPolicy": "https-only",
                        "originSslProtocols": ["TLSv1.2"],
                    },
                }
            ],
            "defaultCacheBehavior": {**_behavior(), "targetOriginId": "api"},
            "orderedCacheBehaviors": [],
            "viewerCertificate": {
                "acmCertificateArn": dependencies.get(CERTIFICATE)["arn"],
                "sslSupportMethod": "sni-only",
                "minimumProtocolVersion": "TLSv1.2_2021",
            },
            "tags": {"only": "this"},
        },
    ),
    OAC: lambda _: Example(
        {
            "name": "site",
            "description": "signs",
            "originAccessControlOriginType": "s3",
            "signingBehavior": "always",
            "signingProtocol": "sigv4",
        },
        {"description": "signs everything"},
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": lambda _: Example(
        {
            "name": "headers",
            "securityHeadersConfig": {
                "contentSecurityPolicy": {"contentSecurityPolicy": "default-src 'none'", "override": True},
                "contentTypeOptions": {"override": True},
                "frameOptions": {"frameOption": "DENY", "override": True},
                "referrerPolicy": {"referrerPolicy": "no-referrer", "override": True},
                "strictTransportSecurity": {"accessControlMaxAgeSec": 600, "override": True},
            },
            "customHeadersConfig": {
                "items": [{"header": "Cross-Origin-Opener-Policy", "value": "same-origin", "override": True}]
            },
        },
        {"customHeadersConfig": {"items": [{"header": "X-Other", "value": "1", "override": True}]}},
    ),
}
