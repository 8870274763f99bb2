"""A domain of one's own: its certificate, its DNS records, and the API's domain name.

With a hosted zone the stack creates certificate and records. With a certificate alone, whoever
keeps the DNS creates one record, to the domain's target.
"""

from dataclasses import dataclass
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from infra.environment import Environment
from infra.settings.model import StackSettings
from infra.settings.types import CLOUDFRONT_REGION

VALIDATION_TTL_SECONDS = 300

TLS_1_2 = "TLS_1_2"
"""API Gateway's security policy without TLS 1.0. Source: API Gateway developer guide, "Security
policies for HTTP APIs"."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain of the settings, with its hosted zone, its certificate's ARN, or both."""

    name: str
    hosted_zone_id: str | None
    certificate_arn: str | None


def api_domain(settings: StackSettings) -> Domain | None:
    """Return the API's domain, if it has one."""
    if settings.api_domain is None:
        return None
    return Domain(
        name=settings.api_domain,
        hosted_zone_id=settings.api_hosted_zone_id,
        certificate_arn=settings.api_certificate_arn,
    )


def website_domain(settings: StackSettings) -> Domain | None:
    """Return the page's domain, if it has one."""
    if settings.website_domain is None:
        return None
    return Domain(
        name=settings.website_domain,
        hosted_zone_id=settings.website_hosted_zone_id,
        certificate_arn=settings.website_certificate_arn,
    )


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    """What a certificate needs.

    Attributes:
        environment: whose it is.
        domain: its only name.
        for_cloudfront: create it where CloudFront reads it, and not in the stack's region.
    """

    environment: Environment
    domain: Domain
    for_cloudfront: bool = False


class Certificate(pulumi.ComponentResource):
    """A domain's certificate: the one that was given, or a new one that DNS validates.

    ACM renews a certificate that DNS validated, while its record exists.

    Attributes:
        arn: known once the certificate is valid.
    """

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:Certificate", name, None, opts)
        given = args.domain.certificate_arn
        self.arn = self._create(name, args) if given is None else pulumi.Output.from_input(given)
        self.register_outputs({"arn": self.arn})

    def _create(self, name: str, args: CertificateArgs) -> pulumi.Output[str]:
        region = CLOUDFRONT_REGION if args.for_cloudfront else None
        certificate = aws.acm.Certificate(
            name,
            domain_name=args.domain.name,
            validation_method="DNS",
            region=region,
            tags=args.environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # A certificate of one name has one option.
        option = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{name}-validation",
            zone_id=_zone(args.domain),
            name=option.resource_record_name,
            type=option.resource_record_type,
            records=[option.resource_record_value],
            ttl=VALIDATION_TTL_SECONDS,
            # ACM asks for the same record for each certificate of a name in an account, so an older
            # certificate may have left it.
            allow_overwrite=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        validation = aws.acm.CertificateValidation(
            name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            region=region,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return validation.certificate_arn


@dataclass(frozen=True, kw_only=True)
class ApiDomainArgs:
    """Whose API has which domain."""

    environment: Environment
    domain: Domain


class ApiDomain(pulumi.ComponentResource):
    """The API's domain at API Gateway, over TLS 1.2 or later, with its DNS record.

    It is created before the API, whose own address is switched off once this one exists.

    Attributes:
        domain_name: the resource that an API is mapped to.
        target: DNS name that the domain's record points to.
    """

    def __init__(self, name: str, args: ApiDomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:ApiDomain", name, None, opts)
        environment, domain = args.environment, args.domain
        certificate = Certificate(
            "api", CertificateArgs(environment=environment, domain=domain), pulumi.ResourceOptions(parent=self)
        )
        self.domain_name = aws.apigatewayv2.DomainName(
            "api",
            domain_name=domain.name,
            domain_name_configuration={
                "certificate_arn": certificate.arn,
                "endpoint_type": "REGIONAL",
                "security_policy": TLS_1_2,
            },
            tags=environment.tags,
            # Its target is what a DNS record, perhaps not ours, points to.
            opts=pulumi.ResourceOptions(parent=self, protect=environment.protect),
        )
        configuration = self.domain_name.domain_name_configuration
        self.target = configuration.target_domain_name.apply(lambda target: target or "")
        if domain.hosted_zone_id is not None:
            zone_of_target = configuration.hosted_zone_id.apply(lambda zone: zone or "")
            alias_record("api", domain, AliasTarget("A", self.target, zone_of_target), self)
        self.register_outputs({"target": self.target})


class AliasTarget(NamedTuple):
    """What a domain's DNS record points to.

    Attributes:
        record_type: `A`, or `AAAA` if the target has IPv6 addresses too.
        name: DNS name of a resource of AWS.
        zone_id: hosted zone of the resource's service.
    """

    record_type: str
    name: pulumi.Input[str]
    zone_id: pulumi.Input[str]


def alias_record(name: str, domain: Domain, target: AliasTarget, parent: pulumi.Resource) -> aws.route53.Record:
    """Create the DNS record of a domain that has a hosted zone."""
    return aws.route53.Record(
        name,
        zone_id=_zone(domain),
        name=domain.name,
        type=target.record_type,
        aliases=[{"name": target.name, "zone_id": target.zone_id, "evaluate_target_health": False}],
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _zone(domain: Domain) -> str:
    if domain.hosted_zone_id is None:  # The settings' constraints don't let this happen.
        raise pulumi.RunError(f"{domain.name} has neither a hosted zone nor a certificate")
    return domain.hosted_zone_id
