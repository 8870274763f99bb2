"""Rules for what stands in front of the functions: domains, certificates, and limits per client."""

from collections.abc import Iterator, Sequence

from guardrails.resource import (
    API,
    API_DOMAIN,
    API_MAPPING,
    CERTIFICATE,
    DISTRIBUTION,
    UNKNOWN,
    WEB_ACL,
    Resource,
    Rules,
    of_type,
)

RULES = Rules()

CLOUDFRONT_REGION = "us-east-1"
"""Where web ACLs of CloudFront are. Source: WAF API reference, CreateWebACL, Scope."""

SECURITY_POLICIES = frozenset({"TLS_1_2", UNKNOWN})
"""The only one that refuses TLS 1.0 and takes an HTTP API. Source: API Gateway developer guide,
"Choose a security policy for your custom domain in API Gateway"."""


@RULES.for_resource(API_DOMAIN, takes_unknowns=True)
def api_domains_refuse_old_tls(domain: Resource) -> Iterator[str]:
    """The API's domain must accept TLS 1.2 and later only."""
    unknown = domain.get("domainNameConfiguration") == UNKNOWN
    if not unknown and domain.get("domainNameConfiguration", "securityPolicy") not in SECURITY_POLICIES:
        yield "it accepts insecure versions of TLS: set security_policy to TLS_1_2"


@RULES.for_resource(CERTIFICATE, takes_unknowns=True)
def certificates_renew_themselves(certificate: Resource) -> Iterator[str]:
    """A certificate must be validated by DNS, or a person has to answer an e-mail each year."""
    if certificate.get("validationMethod") not in {"DNS", UNKNOWN}:
        yield "it expires unless a person answers an e-mail: set validation_method to DNS"


@RULES.for_stack
def apis_have_one_address(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """An API with a domain must be reached under it alone, and one without under API Gateway's."""
    has_domain = bool(of_type(resources, API_MAPPING))
    for api in of_type(resources, API):
        if has_domain and not api.get("disableExecuteApiEndpoint"):
            yield api, "it has a second address beside its domain: set disable_execute_api_endpoint to True"
        if not has_domain and api.get("disableExecuteApiEndpoint"):
            yield api, "nobody can call it: map a domain to it, or unset disable_execute_api_endpoint"


@RULES.for_resource(WEB_ACL, takes_unknowns=True)
def web_acls_limit_each_client(acl: Resource) -> Iterator[str]:
    """A web ACL must block the client that sends too much, where CloudFront reads it."""
    if acl.get("scope") == "CLOUDFRONT" and acl.get("region") not in {CLOUDFRONT_REGION, UNKNOWN}:
        yield f"CloudFront doesn't find it: set region to {CLOUDFRONT_REGION}"
    limits = [rule for rule in acl.list("rules") if "rateBasedStatement" in (rule.get("statement") or {})]
    if acl.get("rules") != UNKNOWN and not any("block" in (rule.get("action") or {}) for rule in limits):
        yield "it limits no client: add a rule with a rate_based_statement whose action is block"


@RULES.for_stack
def web_acls_are_attached(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A web ACL must be a distribution's, and one that takes registrations must have one."""
    distributions = of_type(resources, DISTRIBUTION)
    attached = [str(each.get("webAclId")) for each in distributions]
    for acl in of_type(resources, WEB_ACL):
        if not any(UNKNOWN in arn or f"/{acl.get('name')}/" in arn for arn in attached):
            yield acl, "it protects nothing: set web_acl_id of the distribution to its ARN"
    for distribution in distributions:
        behaviors = [distribution.map("defaultCacheBehavior"), *distribution.list("orderedCacheBehaviors")]
        if any("POST" in (each.get("allowedMethods") or ()) for each in behaviors) and not distribution.get("webAclId"):
            yield distribution, "one client can send it any number of registrations: set web_acl_id"
