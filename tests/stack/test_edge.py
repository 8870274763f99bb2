"""Domains and the limit per client: what the settings add, and nothing without them."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from contract.responses import Problem
from guardrails import resource as types
from tests.support.stack.guarded_stack import ALL, findings, guarded
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import UNKNOWN, RecordedStack, record

ZONE = "Z0123456789ABCDEFGHIJ"
CERTIFICATE_NAME = "123456789012:certificate/11111111-2222-3333-4444-555555555555"
API_DOMAIN = {"apiDomain": "api.example.com", "apiHostedZoneId": ZONE}
WEBSITE_DOMAIN = {"websiteDomain": "www.example.com", "websiteHostedZoneId": ZONE}
LIMIT = {"registrationsPerClient": "100"}
GIVEN_CERTIFICATES = {
    "apiDomain": "api.example.com",
    "apiCertificateArn": f"arn:aws:acm:eu-west-1:{CERTIFICATE_NAME}",
    "websiteDomain": "www.example.com",
    "websiteCertificateArn": f"arn:aws:acm:us-east-1:{CERTIFICATE_NAME}",
}
EVERYTHING = {**API_DOMAIN, **WEBSITE_DOMAIN, **LIMIT}

RECORD_TYPE = "aws:route53/record:Record"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
HEADERS = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
CONFIG = "aws:s3/bucketObjectv2:BucketObjectv2"


def prod_with(settings: Mapping[str, str], *, preview: bool = False) -> RecordedStack:
    return _prod_with(frozenset(settings.items()), preview)


@cache
def _prod_with(settings: frozenset[tuple[str, str]], preview: bool) -> RecordedStack:  # noqa: FBT001  a cache's key
    config = own_config("prod") | {f"userstream:{name}": value for name, value in settings}
    return record("prod", config=config, preview=preview)


def inputs_of(stack: RecordedStack) -> dict[str, str]:
    """Return the inputs of each resource as text, by URN; an asset is its path."""
    return {
        each.urn: json.dumps(each.inputs, sort_keys=True, default=lambda file: str(file.path))
        for each in stack.resources
    }


def called_by_the_page(stack: RecordedStack) -> str:
    return json.loads(stack.only(CONFIG, "config.json").inputs["content"])["apiUrl"]


def content_security_policy(stack: RecordedStack) -> str:
    (policy,) = stack.of_type(HEADERS)
    return policy.inputs["securityHeadersConfig"]["contentSecurityPolicy"]["contentSecurityPolicy"]


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_without_the_settings_nothing_stands_in_front_of_a_stack(stack: str) -> None:
    recorded = record(stack)
    added = {RECORD_TYPE, VALIDATION, types.CERTIFICATE, types.API_DOMAIN, types.API_MAPPING, types.WEB_ACL}

    assert not {each.type for each in recorded.resources} & added
    assert "disableExecuteApiEndpoint" not in recorded.only(types.API, "api").inputs
    for distribution in recorded.of_type(types.DISTRIBUTION):
        assert not {"aliases", "webAclId"} & distribution.inputs.keys()
        assert distribution.inputs["viewerCertificate"] == {"cloudfrontDefaultCertificate": True}
        assert [each["originId"] for each in distribution.inputs["origins"]] == ["bucket"]
        assert [each["pathPattern"] for each in distribution.inputs["orderedCacheBehaviors"]] == ["/config.json"]
    assert not {"apiDomainTarget", "websiteDomainTarget"} & recorded.outputs.keys()


def test_the_settings_change_no_resource_but_those_that_carry_an_address() -> None:
    before, after = inputs_of(record("prod")), inputs_of(prod_with(EVERYTHING))

    changed = {urn.rpartition("::")[2] for urn, inputs in before.items() if after.get(urn) != inputs}
    assert changed == {"api", "website", "config.json"}
    assert before.keys() <= after.keys(), "nothing is replaced or moved"


@pytest.mark.parametrize(
    "settings",
    [API_DOMAIN, WEBSITE_DOMAIN, LIMIT, EVERYTHING, GIVEN_CERTIFICATES, {**API_DOMAIN, **LIMIT}],
    ids=["api", "website", "limit", "everything", "certificates", "api-and-limit"],
)
def test_every_rule_is_kept(settings: Mapping[str, str]) -> None:
    assert [str(found) for found in findings(ALL, guarded(prod_with(settings)))] == []


def test_the_api_is_reached_under_its_domain_alone_over_tls_1_2() -> None:
    stack = prod_with(API_DOMAIN)
    domain = stack.only(types.API_DOMAIN, "api")
    (mapping,) = stack.of_type(types.API_MAPPING)
    configuration = domain.inputs["domainNameConfiguration"]

    assert (configuration["securityPolicy"], configuration["endpointType"]) == ("TLS_1_2", "REGIONAL")
    assert mapping.inputs == {"apiId": "api-id", "domainName": "api.example.com", "stage": "default-id"}
    assert stack.only(types.API, "api").inputs["disableExecuteApiEndpoint"] is True
    assert domain.options.protect
    assert stack.outputs["apiUrl"] == "https://api.example.com"


def test_the_api_s_old_address_stays_until_the_domain_s_certificate_is_valid() -> None:
    stack = prod_with(API_DOMAIN)

    assert stack.only(types.API_DOMAIN, "api").urn in stack.only(types.API, "api").options.depends_on
    assert stack.only(VALIDATION, "api").urn in stack.only(types.API_DOMAIN, "api").options.depends_on


def test_the_page_is_served_under_its_domain_over_tls_1_2() -> None:
    stack = prod_with(WEBSITE_DOMAIN)
    (distribution,) = stack.of_type(types.DISTRIBUTION)

    assert distribution.inputs["aliases"] == ["www.example.com"]
    assert distribution.inputs["viewerCertificate"] == {
        "acmCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/website-id",
        "sslSupportMethod": "sni-only",
        "minimumProtocolVersion": "TLSv1.2_2021",
    }
    assert stack.outputs["websiteUrl"] == "https://www.example.com"
    assert stack.only(types.API, "api").inputs["corsConfiguration"]["allowOrigins"] == ["https://www.example.com"]


def test_a_hosted_zone_gets_the_records_of_both_domains_and_of_their_certificates() -> None:
    stack = prod_with({**API_DOMAIN, **WEBSITE_DOMAIN})
    records = {each.name: each.inputs for each in stack.of_type(RECORD_TYPE)}

    assert {name: (each["type"], each["name"]) for name, each in records.items()} == {
        "api": ("A", "api.example.com"),
        "website-a": ("A", "www.example.com"),
        "website-aaaa": ("AAAA", "www.example.com"),
        "api-validation": ("CNAME", "_validation.api.example.com."),
        "website-validation": ("CNAME", "_validation.www.example.com."),
    }
    assert {each["zoneId"] for each in records.values()} == {ZONE}
    assert records["api"]["aliases"][0]["name"] == stack.outputs["apiDomainTarget"]
    assert records["website-a"]["aliases"][0]["name"] == stack.outputs["websiteDomainTarget"]


def test_each_certificate_is_in_the_region_where_its_service_reads_it() -> None:
    stack = prod_with({**API_DOMAIN, **WEBSITE_DOMAIN})

    for kind in (types.CERTIFICATE, VALIDATION):
        assert stack.only(kind, "website").inputs["region"] == "us-east-1"
        assert "region" not in stack.only(kind, "api").inputs


def test_a_given_certificate_is_used_and_its_dns_left_alone() -> None:
    stack = prod_with(GIVEN_CERTIFICATES)
    (distribution,) = stack.of_type(types.DISTRIBUTION)

    assert not {each.type for each in stack.resources} & {types.CERTIFICATE, VALIDATION, RECORD_TYPE}
    configuration = stack.only(types.API_DOMAIN, "api").inputs["domainNameConfiguration"]
    assert configuration["certificateArn"] == GIVEN_CERTIFICATES["apiCertificateArn"]
    certificate = distribution.inputs["viewerCertificate"]["acmCertificateArn"]
    assert certificate == GIVEN_CERTIFICATES["websiteCertificateArn"]
    assert stack.outputs["apiDomainTarget"] == "d-api.execute-api.eu-west-1.amazonaws.com"
    assert stack.outputs["websiteDomainTarget"] == "website.cloudfront.net"


def test_a_given_certificate_with_a_hosted_zone_gets_its_records() -> None:
    stack = prod_with({**GIVEN_CERTIFICATES, "apiHostedZoneId": ZONE, "websiteHostedZoneId": ZONE})

    assert {each.name for each in stack.of_type(RECORD_TYPE)} == {"api", "website-a", "website-aaaa"}
    assert not stack.of_type(types.CERTIFICATE)


@pytest.mark.parametrize(
    ("settings", "called", "connect"),
    [
        (
            {},
            "https://api-id.execute-api.eu-west-1.amazonaws.com",
            "'self' https://*.execute-api.eu-west-1.amazonaws.com",
        ),
        (API_DOMAIN, "https://api.example.com", "'self' https://api.example.com"),
        (LIMIT, "https://website.cloudfront.net", "'self'"),
        ({**API_DOMAIN, **LIMIT}, "https://website.cloudfront.net", "'self'"),
        (EVERYTHING, "https://www.example.com", "'self'"),
    ],
    ids=["neither", "api", "limit", "api-and-limit", "everything"],
)
def test_the_page_calls_what_its_headers_allow(settings: Mapping[str, str], called: str, connect: str) -> None:
    stack = prod_with(settings)

    assert called_by_the_page(stack) == called
    assert f"; connect-src {connect};" in content_security_policy(stack)


def test_registrations_reach_the_api_through_the_page_s_cloudfront_unchanged_and_uncached() -> None:
    stack = prod_with({**API_DOMAIN, **LIMIT})
    (distribution,) = stack.of_type(types.DISTRIBUTION)
    (_, origin), (_, behavior) = distribution.inputs["origins"], distribution.inputs["orderedCacheBehaviors"]

    assert origin["domainName"] == "api.example.com"
    assert origin["customOriginConfig"]["originProtocolPolicy"] == "https-only"
    assert origin["customOriginConfig"]["originSslProtocols"] == ["TLSv1.2"]
    assert (behavior["pathPattern"], behavior["targetOriginId"]) == ("/register", origin["originId"])
    assert behavior["viewerProtocolPolicy"] == "https-only", "a redirect turns a POST into a GET"
    assert {"POST", "OPTIONS"} <= set(behavior["allowedMethods"])
    assert behavior["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "AWS's Managed-CachingDisabled"
    assert behavior["originRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-38738e2966ac", (
        "AWS's Managed-AllViewerExceptHostHeader"
    )
    assert "POST" not in distribution.inputs["defaultCacheBehavior"]["allowedMethods"]


def test_without_a_domain_the_origin_is_api_gateway_s_address() -> None:
    (distribution,) = prod_with(LIMIT).of_type(types.DISTRIBUTION)

    assert distribution.inputs["origins"][1]["domainName"] == "api-id.execute-api.eu-west-1.amazonaws.com"


def test_signed_callers_keep_the_api_s_own_address() -> None:
    assert prod_with(LIMIT).outputs["apiUrl"] == "https://api-id.execute-api.eu-west-1.amazonaws.com"


def test_one_address_registers_no_more_than_the_limit_in_five_minutes() -> None:
    stack = prod_with(LIMIT)
    (acl,) = stack.of_type(types.WEB_ACL)
    (distribution,) = stack.of_type(types.DISTRIBUTION)
    (rule,) = acl.inputs["rules"]
    limit = rule["statement"]["rateBasedStatement"]
    counted = limit["scopeDownStatement"]["byteMatchStatement"]

    assert (acl.inputs["scope"], acl.inputs["region"]) == ("CLOUDFRONT", "us-east-1")
    assert distribution.inputs["webAclId"].startswith("arn:aws:wafv2:us-east-1:123456789012:global/webacl/")
    assert (limit["limit"], limit["evaluationWindowSec"], limit["aggregateKeyType"]) == (100, 300, "IP")
    assert (counted["fieldToMatch"], counted["searchString"]) == ({"method": {}}, "POST")
    assert acl.inputs["defaultAction"] == {"allow": {}}


def test_a_limited_client_gets_a_problem_document_and_the_time_to_wait() -> None:
    (acl,) = prod_with(LIMIT).of_type(types.WEB_ACL)
    (rule,) = acl.inputs["rules"]
    response: dict[str, Any] = rule["action"]["block"]["customResponse"]
    (body,) = acl.inputs["customResponseBodies"]

    assert (response["responseCode"], response["customResponseBodyKey"]) == (429, body["key"])
    assert {each["name"]: each["value"] for each in response["responseHeaders"]}["retry-after"] == "60"
    assert body["contentType"] == "APPLICATION_JSON", "WAF takes no application/problem+json"
    assert Problem.model_validate_json(body["content"]).status == 429


def test_the_limit_keeps_nothing_of_a_client() -> None:
    (acl,) = prod_with(LIMIT).of_type(types.WEB_ACL)
    metrics = [acl.inputs["visibilityConfig"], *(rule["visibilityConfig"] for rule in acl.inputs["rules"])]

    assert [each["sampledRequestsEnabled"] for each in metrics] == [False, False]


def test_a_first_preview_knows_the_addresses_of_the_domains() -> None:
    stack = prod_with(EVERYTHING, preview=True)

    assert stack.outputs["apiUrl"] == "https://api.example.com"
    assert stack.outputs["websiteUrl"] == "https://www.example.com"
    assert stack.outputs["apiDomainTarget"] in {UNKNOWN, ""}
