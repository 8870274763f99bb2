"""Resources to which AWS gives an id: found in the list of all, by what they were created with."""

import json
from collections.abc import Iterable
from typing import Any

from infra.recover.aws import Aws, Match, UnknowableError, answer, as_map, pages, text_of, wanted_tags, within
from infra.recover.named import api_gateway_tags, bare_function_name
from infra.recover.state import PendingCreate

CLOUDFRONT_REGION = "us-east-1"
"""Where CloudFront, and AWS WAF for it, are called."""


def api(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return the API with the name and the stack's tags: several may have one name."""
    (name,) = text_of(pending, "name")
    ours: list[dict[str, Any]] = []
    for each in pages(aws.client("apigatewayv2", pending.region), "get_apis", "Items"):
        if each["Name"] == name and each["ApiId"] not in pending.known_ids:
            tags = api_gateway_tags(aws, pending, f"apis/{each['ApiId']}")
            if _has_tags(pending, tags):
                ours.append({**each, "Tags": tags})
    found = _only(pending, ours, "ApiId")
    return Match(found["ApiId"], found["ApiId"], found["Tags"]) if found else None


def integration(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return an API's integration with the same function."""
    api_id, uri = text_of(pending, "apiId", "integrationUri")
    items = pages(aws.client("apigatewayv2", pending.region), "get_integrations", "Items", ApiId=api_id)
    for each in items:
        if each.get("IntegrationUri") == uri and each["IntegrationId"] not in pending.known_ids:
            return Match(each["IntegrationId"], f"{api_id}/{each['IntegrationId']}")
    return None


def route(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return an API's route; its key is unique there."""
    api_id, key = text_of(pending, "apiId", "routeKey")
    for each in pages(aws.client("apigatewayv2", pending.region), "get_routes", "Items", ApiId=api_id):
        if each["RouteKey"] == key:
            return Match(each["RouteId"], f"{api_id}/{each['RouteId']}")
    return None


def api_mapping(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return the mapping of a domain to an API's stage."""
    api_id, domain, stage = text_of(pending, "apiId", "domainName", "stage")
    found = answer(aws.client("apigatewayv2", pending.region).get_api_mappings, DomainName=domain)
    for each in within(found, "Items"):
        if (each["ApiId"], each["Stage"]) == (api_id, stage):
            return Match(each["ApiMappingId"], f"{each['ApiMappingId']}/{domain}")
    return None


def permission(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return the statement of a function's policy that allows the same."""
    function, action, principal = text_of(pending, "function", "action", "principal")
    qualifier: str | None = pending.inputs.get("qualifier")
    parameters = {"FunctionName": function, **({"Qualifier": qualifier} if qualifier else {})}
    found = answer(aws.client("lambda", pending.region).get_policy, **parameters)
    name = bare_function_name(function) + (f":{qualifier}" if qualifier else "")
    for each in within(json.loads(found["Policy"]) if found else None, "Statement"):
        source = each.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn")
        allowed = (each["Action"], _service(each["Principal"]), source)
        if allowed == (action, principal, pending.inputs.get("sourceArn")) and each["Sid"] not in pending.known_ids:
            return Match(each["Sid"], f"{name}/{each['Sid']}")
    return None


def event_source_mapping(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return the mapping of a source to a function; AWS allows one."""
    function, source = text_of(pending, "functionName", "eventSourceArn")
    mappings = pages(
        aws.client("lambda", pending.region),
        "list_event_source_mappings",
        "EventSourceMappings",
        FunctionName=function,
        EventSourceArn=source,
    )
    for each in mappings:
        if each["State"] != "Deleting":
            return Match(each["UUID"], each["UUID"])
    return None


def subscription(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a topic's subscription; one by mail has no ARN until it is confirmed."""
    topic, protocol, endpoint = text_of(pending, "topic", "protocol", "endpoint")
    sns = aws.client("sns", pending.region)
    for each in pages(sns, "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic):
        if (each["Protocol"], each["Endpoint"]) != (protocol, endpoint):
            continue
        if not each["SubscriptionArn"].startswith("arn:"):
            raise UnknowableError("it waits to be confirmed, and asking for it again makes no second one")
        return Match(each["SubscriptionArn"], each["SubscriptionArn"])
    return None


def distribution(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return the distribution with the stack's tags and comment."""
    cloudfront = aws.client("cloudfront", CLOUDFRONT_REGION)
    listed = pages(cloudfront, "list_distributions", "DistributionList.Items")
    ours: list[dict[str, Any]] = []
    for each in listed:
        if each["Id"] in pending.known_ids or each.get("Comment", "") != pending.inputs.get("comment", ""):
            continue
        tags = as_map(cloudfront.list_tags_for_resource(Resource=each["ARN"])["Tags"]["Items"])
        if _has_tags(pending, tags):
            ours.append({**each, "Tags": tags})
    found = _only(pending, ours, "Id")
    return Match(found["Id"], found["Id"], found["Tags"]) if found else None


def origin_access_control(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return an origin access control; its name is unique in the account, and it has no tags."""
    (name,) = text_of(pending, "name")
    cloudfront = aws.client("cloudfront", CLOUDFRONT_REGION)
    listed = cloudfront.list_origin_access_controls(MaxItems="100")
    for each in within(listed, "OriginAccessControlList.Items"):
        if each["Name"] == name:
            return Match(each["Id"], each["Id"])
    return None


def response_headers_policy(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a response headers policy; its name is unique in the account, and it has no tags."""
    (name,) = text_of(pending, "name")
    cloudfront = aws.client("cloudfront", CLOUDFRONT_REGION)
    listed = cloudfront.list_response_headers_policies(Type="custom", MaxItems="100")
    for each in within(listed, "ResponseHeadersPolicyList.Items"):
        policy = each["ResponseHeadersPolicy"]
        if policy["ResponseHeadersPolicyConfig"]["Name"] == name:
            return Match(policy["Id"], policy["Id"])
    return None


def certificate(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return the certificate of a domain with the stack's tags."""
    (domain,) = text_of(pending, "domainName")
    acm = aws.client("acm", pending.region)
    ours: list[dict[str, Any]] = []
    for each in pages(acm, "list_certificates", "CertificateSummaryList"):
        arn = each["CertificateArn"]
        if each["DomainName"] != domain or arn in pending.known_ids:
            continue
        tags = as_map(acm.list_tags_for_certificate(CertificateArn=arn)["Tags"])
        if _has_tags(pending, tags):
            ours.append({**each, "Tags": tags})
    found = _only(pending, ours, "CertificateArn")
    return Match(found["CertificateArn"], found["CertificateArn"], found["Tags"]) if found else None


def web_acl(aws: Aws, pending: PendingCreate) -> Match | None:
    """Return a web ACL of AWS WAF; its name is unique in its scope."""
    name, scope = text_of(pending, "name", "scope")
    region = CLOUDFRONT_REGION if scope == "CLOUDFRONT" else pending.region
    waf = aws.client("wafv2", region)
    for each in waf.list_web_acls(Scope=scope, Limit=100)["WebACLs"]:
        if each["Name"] == name:
            tags = waf.list_tags_for_resource(ResourceARN=each["ARN"])["TagInfoForResource"]["TagList"]
            return Match(each["Id"], f"{each['Id']}/{name}/{scope}", as_map(tags))
    return None


def _service(principal: Any) -> str:
    return principal if isinstance(principal, str) else principal.get("Service", "")


def _has_tags(pending: PendingCreate, tags: dict[str, str] | None) -> bool:
    return (wanted_tags(pending).items() - (tags or {}).items()) == set()


def _only(pending: PendingCreate, ours: Iterable[dict[str, Any]], id_name: str) -> dict[str, Any] | None:
    """Return the only one; raise UnknowableError for several."""
    items = [*ours]
    if len(items) > 1:
        ids = ", ".join(sorted(each[id_name] for each in items))
        raise UnknowableError(
            f"several exist with this stack's tags ({ids}), and the state has none of them; "
            f"delete those that nothing uses. A new {pending.logical_name} is made"
        )
    return items[0] if items else None
