import json

from functions.users.attributes import ATTRIBUTES
from infra.components.website import SITE_DIRECTORY
from infra.site_config import site_attributes
from tests.support.stack.recorded_stack import UNKNOWN, record

BUCKET = "userstream-website-prod-euw1-123456789012"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
DISTRIBUTION_ARN = "arn:aws:cloudfront::123456789012:distribution/website-id"


def test_a_stack_with_the_website_disabled_has_no_site() -> None:
    stack = record("dev")

    assert not [resource for resource in stack.resources if "cloudfront" in resource.type or resource.type == OBJECT]
    assert stack.outputs.get("websiteUrl") is None


def test_the_website_url_is_cloudfront_s() -> None:
    assert record("prod").outputs["websiteUrl"] == "https://website.cloudfront.net"


def test_only_this_distribution_reads_the_bucket() -> None:
    stack = record("prod")
    policy = stack.only("aws:s3/bucketPolicy:BucketPolicy", "website").json("policy")

    objects = f"arn:aws:s3:::{BUCKET}/*"
    assert policy["Statement"] == [
        {
            "Sid": "OnlyThisDistributionReads",
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": ["s3:GetObject"],
            "Resource": [objects],
            "Condition": {"StringEquals": {"aws:SourceArn": DISTRIBUTION_ARN}},
        },
        {
            "Sid": "DenyUnencryptedTransport",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:*"],
            "Resource": [f"arn:aws:s3:::{BUCKET}", objects],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    block = stack.only("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "website").inputs
    assert all(value is True for key, value in block.items() if key != "bucket")


def test_cloudfront_signs_its_requests_and_serves_https_only() -> None:
    stack = record("prod")
    (access,) = stack.of_type("aws:cloudfront/originAccessControl:OriginAccessControl")
    (distribution,) = stack.of_type("aws:cloudfront/distribution:Distribution")

    assert access.inputs["signingBehavior"] == "always"
    assert access.inputs["signingProtocol"] == "sigv4"
    (origin,) = distribution.inputs["origins"]
    assert origin["domainName"] == f"{BUCKET}.s3.eu-west-1.amazonaws.com"
    assert origin["originAccessControlId"] == "website-id"
    behaviours = [distribution.inputs["defaultCacheBehavior"], *distribution.inputs["orderedCacheBehaviors"]]
    for behaviour in behaviours:
        assert behaviour["viewerProtocolPolicy"] == "redirect-to-https"
        assert behaviour["allowedMethods"] == ["GET", "HEAD"]
        assert behaviour["responseHeadersPolicyId"] == "website-id"


def test_config_json_is_never_cached() -> None:
    stack = record("prod")
    (distribution,) = stack.of_type("aws:cloudfront/distribution:Distribution")
    (behaviour,) = distribution.inputs["orderedCacheBehaviors"]

    assert behaviour["pathPattern"] == "/config.json"
    assert behaviour["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "AWS's Managed-CachingDisabled"
    assert stack.only(OBJECT, "config.json").inputs["cacheControl"] == "no-store"


def test_config_json_comes_from_the_outputs() -> None:
    stack = record("prod")
    file = stack.only(OBJECT, "config.json")

    assert json.loads(file.inputs["content"]) == {
        "environment": stack.outputs["environment"],
        "region": stack.outputs["region"],
        "apiUrl": stack.outputs["apiUrl"],
        "attributes": [attribute.model_dump() for attribute in site_attributes(ATTRIBUTES)],
    }
    assert record("prod", preview=True).only(OBJECT, "config.json").inputs["content"] == UNKNOWN


def test_every_file_of_the_site_is_uploaded_with_its_content_type() -> None:
    objects = {file.inputs["key"]: file.inputs for file in record("prod").of_type(OBJECT)}

    assert set(objects) == {path.name for path in SITE_DIRECTORY.iterdir()} | {"config.json"}
    assert objects["index.html"]["contentType"] == "text/html; charset=utf-8"
    assert objects["main.js"]["contentType"] == "text/javascript; charset=utf-8"
    for key in objects.keys() - {"config.json"}:
        assert objects[key]["cacheControl"] == "max-age=0, s-maxage=60, must-revalidate"
        assert objects[key]["sourceHash"]


def test_every_response_has_the_security_headers() -> None:
    (policy,) = record("prod").of_type("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy")
    security = policy.inputs["securityHeadersConfig"]

    content_security_policy = security["contentSecurityPolicy"]["contentSecurityPolicy"]
    assert "default-src 'none'" in content_security_policy
    assert "connect-src 'self' https://*.execute-api.eu-west-1.amazonaws.com" in content_security_policy
    assert security["strictTransportSecurity"] == {"accessControlMaxAgeSec": 31536000, "override": True}
    assert security["contentTypeOptions"] == {"override": True}
    assert security["frameOptions"] == {"frameOption": "DENY", "override": True}
    assert security["referrerPolicy"] == {"referrerPolicy": "no-referrer", "override": True}
    custom = {item["header"]: item["value"] for item in policy.inputs["customHeadersConfig"]["items"]}
    assert set(custom) == {"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy"}
