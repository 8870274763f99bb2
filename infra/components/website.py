"""The registration page: a private bucket behind CloudFront, and its config.json.

The API allows the page's address, and config.json names the API's: so the website comes first, the API next,
and config.json, a component of its own, last.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from infra.components.policy import Statement, deny_unencrypted_transport, policy_document
from infra.components.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.components.security_headers import response_headers_policy_args
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
"""A browser asks each time (a file that didn't change costs it no download); CloudFront asks the bucket once a minute.
File names stay the same over deployments, so nobody may keep one for longer without asking."""

CONFIG_CACHE_CONTROL = "no-store"

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""Cache policies that AWS manages. Source: CloudFront developer guide, "Use managed cache policies"."""

_ORIGIN = "bucket"


@dataclass(frozen=True, kw_only=True)
class WebsiteArgs:
    """What the site needs.

    Attributes:
        environment: where it is.
        site_directory: folder of the site's files.
    """

    environment: Environment
    site_directory: Path = SITE_DIRECTORY


class Website(pulumi.ComponentResource):
    """The site's files, served over HTTPS by CloudFront alone.

    Attributes:
        bucket: where the files are.
        url: the site's address, which is also its origin: no trailing slash.
    """

    bucket: aws.s3.Bucket
    distribution: aws.cloudfront.Distribution
    url: pulumi.Output[str]

    def __init__(self, name: str, args: WebsiteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:Website", name, None, opts)
        self._args = args

        self._create_bucket()
        self._create_access()
        self._create_headers()
        self._create_distribution()
        self._let_only_the_distribution_read()
        self._upload_files()
        self.url = pulumi.Output.concat("https://", self.distribution.domain_name)
        self.register_outputs(
            {
                "websiteUrl": self.url,
                "bucketName": self.bucket.bucket,
                "distributionId": self.distribution.id,
            }
        )

    def _create_bucket(self) -> None:
        self._private_bucket = PrivateBucket(
            "website",
            PrivateBucketArgs(environment=self._args.environment, purpose="website"),
            pulumi.ResourceOptions(parent=self),
        )
        self.bucket = self._private_bucket.bucket

    def _create_access(self) -> None:
        self._access = aws.cloudfront.OriginAccessControl(
            "website",
            name=self._args.environment.physical_name("userstream-website"),
            description="CloudFront signs what it asks of the bucket",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_headers(self) -> None:
        environment = self._args.environment
        # The API's own address is not known yet: it allows this site, and so it comes after it.
        headers = security_headers(f"https://*.execute-api.{environment.region}.amazonaws.com")
        self._headers = aws.cloudfront.ResponseHeadersPolicy(
            "website",
            response_headers_policy_args(environment.physical_name("userstream-website"), headers),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_distribution(self) -> None:
        environment = self._args.environment
        self.distribution = aws.cloudfront.Distribution(
            "website",
            comment=f"Registration page of {environment.name}",
            enabled=True,
            default_root_object="index.html",
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_100",
            origins=[
                aws.cloudfront.DistributionOriginArgs(
                    origin_id=_ORIGIN,
                    domain_name=self.bucket.bucket_regional_domain_name,
                    origin_access_control_id=self._access.id,
                )
            ],
            default_cache_behavior=aws.cloudfront.DistributionDefaultCacheBehaviorArgs(
                target_origin_id=_ORIGIN,
                viewer_protocol_policy="redirect-to-https",
                allowed_methods=["GET", "HEAD"],
                cached_methods=["GET", "HEAD"],
                compress=True,
                cache_policy_id=CACHING_OPTIMIZED,
                response_headers_policy_id=self._headers.id,
            ),
            ordered_cache_behaviors=[
                aws.cloudfront.DistributionOrderedCacheBehaviorArgs(
                    path_pattern=f"/{CONFIG_FILE}",
                    target_origin_id=_ORIGIN,
                    viewer_protocol_policy="redirect-to-https",
                    allowed_methods=["GET", "HEAD"],
                    cached_methods=["GET", "HEAD"],
                    compress=True,
                    cache_policy_id=CACHING_DISABLED,
                    response_headers_policy_id=self._headers.id,
                )
            ],
            restrictions=aws.cloudfront.DistributionRestrictionsArgs(
                geo_restriction=aws.cloudfront.DistributionRestrictionsGeoRestrictionArgs(restriction_type="none")
            ),
            # CloudFront's own name and certificate; docs/adopting.md tells how to bring a domain.
            viewer_certificate=aws.cloudfront.DistributionViewerCertificateArgs(cloudfront_default_certificate=True),
            tags=environment.tags,
            # Its address is one that people know.
            opts=pulumi.ResourceOptions(parent=self, protect=environment.protect),
        )

    def _let_only_the_distribution_read(self) -> None:
        objects = pulumi.Output.concat(self.bucket.arn, "/*")
        read = Statement(
            sid="OnlyThisDistributionReads",
            principal={"Service": "cloudfront.amazonaws.com"},
            actions=["s3:GetObject"],
            resources=[objects],
            condition={"StringEquals": {"aws:SourceArn": self.distribution.arn}},
        )
        only_tls = (
            [deny_unencrypted_transport(["s3:*"], [self.bucket.arn, objects])]
            if self._args.environment.require_tls
            else []
        )
        aws.s3.BucketPolicy(
            "website",
            bucket=self.bucket.bucket,
            policy=policy_document([read, *only_tls]),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._private_bucket.public_access_block]),
        )

    def _upload_files(self) -> None:
        directory = self._args.site_directory
        for path in sorted(path for path in directory.rglob("[!.]*") if path.is_file()):
            key = path.relative_to(directory).as_posix()
            aws.s3.BucketObjectv2(
                key,
                bucket=self.bucket.bucket,
                key=key,
                source=pulumi.FileAsset(str(path)),
                source_hash=hashlib.sha256(path.read_bytes()).hexdigest(),
                content_type=_content_type(path),
                cache_control=SITE_CACHE_CONTROL,
                # No tags: S3 takes ten on an object, and the bucket has them.
                opts=pulumi.ResourceOptions(parent=self),
            )


def _content_type(path: Path) -> str:
    """What kind of file it is, said outright: browsers are told not to guess.

    Raises:
        pulumi.RunError: a kind that isn't listed.
    """
    if path.suffix not in CONTENT_TYPES:
        raise pulumi.RunError(f"{path} has no known content type: add '{path.suffix}' to CONTENT_TYPES in {__name__}")
    return CONTENT_TYPES[path.suffix]


@dataclass(frozen=True, kw_only=True)
class WebsiteConfigArgs:
    """What config.json needs.

    Attributes:
        environment: whose page it is.
        website: where it goes.
        api_url: the API that the page talks to.
    """

    environment: Environment
    website: Website
    api_url: pulumi.Output[str]


class WebsiteConfig(pulumi.ComponentResource):
    """config.json: all that the page knows of its stack."""

    def __init__(self, name: str, args: WebsiteConfigArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:WebsiteConfig", name, None, opts)
        environment = args.environment
        self.file = aws.s3.BucketObjectv2(
            CONFIG_FILE,
            bucket=args.website.bucket.bucket,
            key=CONFIG_FILE,
            content=args.api_url.apply(
                lambda api_url: SiteConfig(
                    environment=environment.name, region=environment.region, api_url=api_url
                ).to_json()
            ),
            content_type="application/json",
            cache_control=CONFIG_CACHE_CONTROL,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"key": self.file.key})
