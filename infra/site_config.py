"""What the site in `frontend/` is told of its stack, and what its browser may do: config.json and security headers.

Whoever serves the site, CloudFront or the local stack, takes both from here. Nothing of Pulumi is imported.
"""

from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from infra.outputs import StackOutputs

CONFIG_FILE = "config.json"
"""Served beside index.html and never cached: it is the one file of the site that a deployment changes in place."""


class SiteConfig(BaseModel):
    """The content of config.json: three of the stack outputs, and nothing else."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    environment: str = Field(min_length=1, description="Name of the stack, shown on the page.")
    region: str = Field(min_length=1, description="AWS region of the stack, shown on the page.")
    api_url: str = Field(
        pattern=r"^https?://[^\s]+[^/\s]$", description="Base URL of the API, without a trailing slash."
    )

    @classmethod
    def from_outputs(cls, outputs: "StackOutputs") -> Self:
        """Take what the site needs from the outputs of its stack.

        Args:
            outputs: the outputs of the stack the site talks to.

        Returns:
            The content of that stack's config.json.
        """
        return cls(environment=outputs.environment, region=outputs.region, api_url=outputs.api_url)

    def to_json(self) -> str:
        """The bytes of config.json, as text."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"


def origin(url: str) -> str:
    """Scheme, host and port of a URL: what CORS and a content security policy compare.

    Args:
        url: an absolute http or https URL.

    Returns:
        For example `https://a1b2c3.execute-api.eu-west-1.amazonaws.com`.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def security_headers(api_origin: str) -> dict[str, str]:
    """The headers every answer of the site carries.

    The site runs its own files only, no inline script or style, no markup made from strings, and talks to its API only.
    A form that is sent without the script would put a person's details in the address bar: `form-action` refuses it.

    Args:
        api_origin: where the page may send requests, see `origin`. Where CORS already makes the API depend on the
            site, the site's headers can't depend on the API as well: name the region's APIs,
            `https://*.execute-api.<region>.amazonaws.com`.

    Returns:
        Header name to value. Strict-Transport-Security is not among them: it belongs to https, which the local stack
        lacks.
        Source: OWASP HTTP Headers Cheat Sheet; W3C Content Security Policy Level 3; W3C Trusted Types.
    """
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {api_origin}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{directive} {value}" for directive, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
