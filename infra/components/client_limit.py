"""A limit of registrations per client: the page registers through CloudFront, and AWS WAF counts.

WAF counts near the limit and not exactly: it looks back on the window from time to time, so a burst
can exceed the limit until then. Source: WAF developer guide, "Rate-based rule high-level settings"
and "Rate-based rule caveats".
"""

import json
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.environment import Environment
from infra.settings.types import CLOUDFRONT_REGION

WINDOW_SECONDS = 300
"""Time over which a client's registrations are counted; WAF's default."""

RETRY_AFTER_SECONDS = 60
"""What a refused client waits: the longest that the page waits before it tries again. The count
falls only as requests leave the window, so a client may be refused again."""

TOO_MANY_REQUESTS = 429

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""AWS's own cache policy. Source: CloudFront developer guide, "Use managed cache policies"."""

ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-38738e2966ac"
"""AWS's own origin request policy, as API Gateway answers under its own host name only. Source:
CloudFront developer guide, "Use managed origin request policies"."""

REGISTER_PATH = "/register"
CONFIRMATION_PATH = "/register/confirmation"

EVERY_METHOD = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
"""CloudFront's only set of methods that has POST; API Gateway answers the others with a 404.
Source: CloudFront API reference, AllowedMethods."""

_ORIGIN_ID = "api"

_BODY_KEY = "too-many-registrations"

PROBLEM: Mapping[str, object] = {
    "type": "urn:userstream:problem:too-many-registrations",
    "title": "Too many registrations from this address",
    "status": TOO_MANY_REQUESTS,
    "detail": "Wait for the seconds in Retry-After, then send the same request again.",
    # The text is the same for every request, and the API's logs have none of them.
    "requestId": "none",
}
"""The API's form of an error. WAF takes no Content-Type of our own, and sends this one as
application/json. Source: WAF API reference, CustomResponse and CustomResponseBody."""


def api_origin(api_url: pulumi.Output[str]) -> aws.cloudfront.DistributionOriginArgsDict:
    """Return the API as an origin of the page's distribution."""
    return {
        "origin_id": _ORIGIN_ID,
        "domain_name": api_url.apply(lambda url: url.removeprefix("https://")),
        "custom_origin_config": {
            "http_port": 80,
            "https_port": 443,
            "origin_protocol_policy": "https-only",
            "origin_ssl_protocols": ["TLSv1.2"],
        },
    }


def register_behaviors(environment: Environment) -> list[aws.cloudfront.DistributionOrderedCacheBehaviorArgsDict]:
    """Return how registrations and their confirmations reach that origin: unchanged, never cached.

    Signed requests keep to the API's own address, because a signature covers the host name.
    """
    confirmation = [CONFIRMATION_PATH] if environment.settings.answers_neutrally else []
    return [_behavior(path) for path in (REGISTER_PATH, *confirmation)]


def _behavior(path: str) -> aws.cloudfront.DistributionOrderedCacheBehaviorArgsDict:
    return {
        "path_pattern": path,
        "target_origin_id": _ORIGIN_ID,
        # A redirect would turn a POST into a GET.
        "viewer_protocol_policy": "https-only",
        "allowed_methods": EVERY_METHOD,
        "cached_methods": ["GET", "HEAD"],
        "compress": False,
        "cache_policy_id": CACHING_DISABLED,
        "origin_request_policy_id": ALL_VIEWER_EXCEPT_HOST_HEADER,
    }


def client_limit(
    environment: Environment, registrations_per_client: int, opts: pulumi.ResourceOptions
) -> "aws.wafv2.WebAcl":  # Quoted, because pulumi_aws.wafv2 takes most of a second to import.
    """Create the web ACL that limits the registrations from one IP address.

    Args:
        environment: whose page it is for.
        registrations_per_client: POST requests from one address in WINDOW_SECONDS.
        opts: with the component that it belongs to.
    """
    name = environment.global_name("userstream-website")

    def metrics(metric_name: str) -> aws.wafv2.WebAclVisibilityConfigArgsDict:
        # Samples would keep clients' addresses and headers.
        return {"cloudwatch_metrics_enabled": True, "metric_name": metric_name, "sampled_requests_enabled": False}

    return aws.wafv2.WebAcl(
        "website",
        name=name,
        description="Limits the registrations from one address",
        scope="CLOUDFRONT",
        region=CLOUDFRONT_REGION,
        default_action={"allow": {}},
        custom_response_bodies=[{"key": _BODY_KEY, "content": json.dumps(PROBLEM), "content_type": "APPLICATION_JSON"}],
        rules=[
            {
                "name": "registrations-per-client",
                "priority": 0,
                "action": {
                    "block": {
                        "custom_response": {
                            "response_code": TOO_MANY_REQUESTS,
                            "custom_response_body_key": _BODY_KEY,
                            "response_headers": [
                                {"name": "retry-after", "value": str(RETRY_AFTER_SECONDS)},
                                {"name": "cache-control", "value": "no-store"},
                            ],
                        }
                    }
                },
                "statement": {
                    "rate_based_statement": {
                        "limit": registrations_per_client,
                        "evaluation_window_sec": WINDOW_SECONDS,
                        "aggregate_key_type": "IP",
                        # By the method and not by the path, which can be written in several ways:
                        # CloudFront takes a POST for these paths alone.
                        "scope_down_statement": {
                            "byte_match_statement": {
                                "field_to_match": {"method": {}},
                                "positional_constraint": "EXACTLY",
                                "search_string": "POST",
                                "text_transformations": [{"priority": 0, "type": "NONE"}],
                            }
                        },
                    }
                },
                "visibility_config": metrics(f"{name}-limited"),
            }
        ],
        visibility_config=metrics(name),
        tags=environment.tags,
        opts=opts,
    )
