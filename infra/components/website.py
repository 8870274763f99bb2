"""The registration page: a private bucket behind CloudFront, and its config.json.

The API allows the page's address, and config.json names the API's. So Website is created first, the
API next, and config.json, a component of its own, last. With a limit per client the page registers
through its own CloudFront, which names the API: then the API is first.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.client_limit import CACHING_DISABLED, api_origin, client_limit, register_behaviors
from infra.components.domains import AliasTarget, Certificate, CertificateArgs, alias_record, website_domain
from infra.components.policy import policy_document, tls_only
from infra.components.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.components.statement import allow
from infra.environment import Environment
from infra.naming import PROJECT_ROOT
from infra.partitions import dns_suffix
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
"""AWS's own cache policy. Source: CloudFront developer guide, "Use managed cache policies"."""

TLS_1_2_AT_CLOUDFRONT = "TLSv1.2_2021"
"""Source: CloudFront developer guide, "Supported protocols and ciphers"."""

HSTS_SECONDS = 365 * 24 * 60 * 60
"""How long a browser insists on HTTPS: a year. Source: OWASP HSTS Cheat Sheet."""


@dataclass(frozen=True, kw_only=True)
class WebsiteArgs:
    """What the site needs.

    Attributes:
        environment: whose page it is.
        limited_api_url: the API that the page registers at through CloudFront, which limits each
            client; None if the page calls the API itself.
    """

    environment: Environment
    limited_api_url: pulumi.Output[str] | None = None


class Website(pulumi.ComponentResource):
    """The site's files, served over HTTPS by CloudFront alone.

    Attributes:
        bucket: where the files are.
        distribution: the CloudFront distribution.
        url: the site's address, which is also its origin: no trailing slash.
        domain_target: DNS name that the domain's record points to; None without a domain.
    """

    def __init__(self, name: str, args: WebsiteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:Website", name, None, opts)
        self._environment = args.environment
        self._limited_api_url = args.limited_api_url
        self._domain = website_domain(args.environment.settings)
        private_bucket = PrivateBucket(
            "website",
            PrivateBucketArgs(environment=args.environment, base_name="website"),
            pulumi.ResourceOptions(parent=self),
        )
        self.bucket = private_bucket.bucket
        self._create_distribution()
        self._let_only_the_distribution_read(private_bucket)
        self._upload_files()
        name_of_site = self._domain.name if self._domain else self.distribution.domain_name
        self.url = pulumi.Output.concat("https://", name_of_site)
        self.domain_target = self.distribution.domain_name if self._domain else None
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
            aliases=[self._domain.name] if self._domain else None,
            origins=[
                {
                    "origin_id": "bucket",
                    "domain_name": self.bucket.bucket_regional_domain_name,
                    "origin_access_control_id": access.id,
                },
                *([api_origin(self._limited_api_url)] if self._limited_api_url else []),
            ],
            default_cache_behavior=behavior(CACHING_OPTIMIZED),
            ordered_cache_behaviors=[
                {"path_pattern": f"/{CONFIG_FILE}", **behavior(CACHING_DISABLED)},
                *(register_behaviors(self._environment) if self._limited_api_url else []),
            ],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate=self._certificate(),
            web_acl_id=self._web_acl_arn(),
            tags=environment.tags,
            # Its address is one that people know.
            opts=pulumi.ResourceOptions(parent=self, protect=environment.protect),
        )
        if self._domain and self._domain.hosted_zone_id:
            for record_type in ("A", "AAAA"):
                target = AliasTarget(record_type, self.distribution.domain_name, self.distribution.hosted_zone_id)
                alias_record(f"website-{record_type.lower()}", self._domain, target, self)

    def _certificate(self) -> aws.cloudfront.DistributionViewerCertificateArgsDict:
        if self._domain is None:
            return {"cloudfront_default_certificate": True}
        args = CertificateArgs(environment=self._environment, domain=self._domain, for_cloudfront=True)
        certificate = Certificate("website", args, pulumi.ResourceOptions(parent=self))
        return {
            "acm_certificate_arn": certificate.arn,
            "ssl_support_method": "sni-only",
            "minimum_protocol_version": TLS_1_2_AT_CLOUDFRONT,
        }

    def _web_acl_arn(self) -> pulumi.Output[str] | None:
        registrations = self._environment.settings.registrations_per_client
        if registrations is None:
            return None
        return client_limit(self._environment, registrations, pulumi.ResourceOptions(parent=self)).arn

    def _create_headers_policy(self) -> aws.cloudfront.ResponseHeadersPolicy:
        """CloudFront takes four of the headers under names of their own, and the others as text."""
        environment = self._environment
        headers = security_headers(self._called_origin())
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

    def _called_origin(self) -> str | None:
        """Return where the page sends registrations; None if to its own origin."""
        settings = self._environment.settings
        if self._limited_api_url is not None:
            return None
        if settings.api_domain is not None:
            return f"https://{settings.api_domain}"
        # The API allows this site and is created after it, so its own address isn't known yet.
        return f"https://*.execute-api.{settings.region}.{dns_suffix(settings.region)}"

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
        api_url: what the page calls: the API, or the page's own CloudFront.
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
