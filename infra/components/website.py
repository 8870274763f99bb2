"""The registration page: a private bucket behind CloudFront, and its config.json.

The API allows the page's address, and config.json names the API's. So Website is created first, the
API next, and config.json, a component of its own, last.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.policy import policy_document, tls_only
from infra.components.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.components.statement import allow
from infra.environment import Environment
from infra.naming import PROJECT_ROOT
from infra.site_config import CONFIG_FILE, SiteConfig, security_headers

SITE_DIRECTORY = PROJECT_ROOT / "frontend"

CONTENT_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

SITE_CACHE_CONTROL = "max-age=0, s-maxage=60, must-revalidate"
"""A browser revalidates each time (an unchanged file isn't downloaded); CloudFront asks the bucket
once a minute. File names stay the same over deployments, so no cache may keep one for longer."""

CONFIG_CACHE_CONTROL = "no-store"

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""AWS's own cache policies. Source: CloudFront developer guide, "Use managed cache policies"."""

HSTS_SECONDS = 365 * 24 * 60 * 60
"""How long a browser insists on HTTPS: a year. Source: OWASP HSTS Cheat Sheet."""


class Website(pulumi.ComponentResource):
    """The site's files, served over HTTPS by CloudFront alone.

    Attributes:
        bucket: where the files are.
        distribution: the CloudFront distribution.
        url: the site's address, which is also its origin: no trailing slash.
    """

    def __init__(self, name: str, args: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:Website", name, None, opts)
        self._environment = args
        private_bucket = PrivateBucket(
            "website", PrivateBucketArgs(environment=args, base_name="website"), pulumi.ResourceOptions(parent=self)
        )
        self.bucket = private_bucket.bucket
        self._create_distribution()
        self._let_only_the_distribution_read(private_bucket)
        self._upload_files()
        self.url = pulumi.Output.concat("https://", self.distribution.domain_name)
        self.register_outputs(
            {
                "websiteUrl": self.url,
                "bucketName": self.bucket.bucket,
                "distributionId": self.distribution.id,
            }
        )

    def _create_distribution(self) -> None:
        environment = self._environment
        access = aws.cloudfront.OriginAccessControl(
            "website",
            name=environment.global_name("userstream-website"),
            description="CloudFront signs what it asks of the bucket",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["name"]),
        )
        headers_policy = self._create_headers_policy()

        def behavior(cache_policy_id: str) -> aws.cloudfront.DistributionDefaultCacheBehaviorArgsDict:
            return {
                "target_origin_id": "bucket",
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": ["GET", "HEAD"],
                "cached_methods": ["GET", "HEAD"],
                "compress": True,
                "cache_policy_id": cache_policy_id,
                "response_headers_policy_id": headers_policy.id,
            }

        self.distribution = aws.cloudfront.Distribution(
            "website",
            comment=f"Registration page of {environment.name}",
            enabled=True,
            default_root_object="index.html",
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_100",
            origins=[
                {
                    "origin_id": "bucket",
                    "domain_name": self.bucket.bucket_regional_domain_name,
                    "origin_access_control_id": access.id,
                }
            ],
            default_cache_behavior=behavior(CACHING_OPTIMIZED),
            ordered_cache_behaviors=[{"path_pattern": f"/{CONFIG_FILE}", **behavior(CACHING_DISABLED)}],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            # CloudFront's own name and certificate; docs/adopting.md shows how to use a domain.
            viewer_certificate={"cloudfront_default_certificate": True},
            tags=environment.tags,
            # Its address is one that people know.
            opts=pulumi.ResourceOptions(parent=self, protect=environment.protect),
        )

    def _create_headers_policy(self) -> aws.cloudfront.ResponseHeadersPolicy:
        """CloudFront takes four of the headers under names of their own, and the others as text."""
        environment = self._environment
        # The API allows this site and is created after it, so its own address isn't known yet.
        headers = security_headers(f"https://*.execute-api.{environment.settings.region}.amazonaws.com")
        return aws.cloudfront.ResponseHeadersPolicy(
            "website",
            name=environment.global_name("userstream-website"),
            security_headers_config={
                "content_security_policy": {
                    "content_security_policy": headers.pop("Content-Security-Policy"),
                    "override": True,
                },
                "referrer_policy": {"referrer_policy": headers.pop("Referrer-Policy"), "override": True},
                # The header's only value is nosniff.
                "content_type_options": {"override": headers.pop("X-Content-Type-Options") == "nosniff"},
                "frame_options": {"frame_option": headers.pop("X-Frame-Options"), "override": True},
                "strict_transport_security": {"access_control_max_age_sec": HSTS_SECONDS, "override": True},
            },
            custom_headers_config={
                "items": [
                    {"header": header, "value": value, "override": True} for header, value in sorted(headers.items())
                ]
            },
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["name"]),
        )

    def _let_only_the_distribution_read(self, private_bucket: PrivateBucket) -> None:
        objects = pulumi.Output.concat(self.bucket.arn, "/*")
        read = allow(
            "OnlyThisDistributionReads",
            ["s3:GetObject"],
            [objects],
            service="cloudfront.amazonaws.com",
            condition={"StringEquals": {"aws:SourceArn": self.distribution.arn}},
        )
        aws.s3.BucketPolicy(
            "website",
            bucket=self.bucket.bucket,
            policy=policy_document([read, *tls_only(self._environment, ["s3:*"], [self.bucket.arn, objects])]),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[private_bucket.public_access_block]),
        )

    def _upload_files(self) -> None:
        for path in sorted(path for path in SITE_DIRECTORY.rglob("[!.]*") if path.is_file()):
            if path.suffix not in CONTENT_TYPES:
                # Without a content type a browser would guess, which the site's headers forbid.
                raise pulumi.RunError(
                    f"{path} has no known content type: add '{path.suffix}' to CONTENT_TYPES in {__name__}"
                )
            key = path.relative_to(SITE_DIRECTORY).as_posix()
            aws.s3.BucketObjectv2(
                key,
                bucket=self.bucket.bucket,
                key=key,
                source=pulumi.FileAsset(str(path)),
                source_hash=hashlib.sha256(path.read_bytes()).hexdigest(),
                content_type=CONTENT_TYPES[path.suffix],
                cache_control=SITE_CACHE_CONTROL,
                # No tags: S3 takes ten on an object, and the bucket has them.
                opts=pulumi.ResourceOptions(parent=self),
            )


@dataclass(frozen=True, kw_only=True)
class WebsiteConfigArgs:
    """What config.json needs.

    Attributes:
        environment: whose page it is.
        bucket: the site's bucket.
        api_url: the API that the page calls.
    """

    environment: Environment
    bucket: aws.s3.Bucket
    api_url: pulumi.Output[str]


class WebsiteConfig(pulumi.ComponentResource):
    """config.json: all that the page knows of its stack."""

    def __init__(self, name: str, args: WebsiteConfigArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:WebsiteConfig", name, None, opts)
        environment = args.environment.name
        region = args.environment.settings.region
        file = aws.s3.BucketObjectv2(
            CONFIG_FILE,
            bucket=args.bucket.bucket,
            key=CONFIG_FILE,
            content=args.api_url.apply(
                lambda url: SiteConfig(environment=environment, region=region, api_url=url).to_json()
            ),
            content_type="application/json",
            cache_control=CONFIG_CACHE_CONTROL,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"key": file.key})
