"""config.json and the security headers of the site in `frontend/`.

CloudFront and the local stack both serve what is defined here. Pulumi isn't imported here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from functions.users.attributes import ATTRIBUTES, Attribute

if TYPE_CHECKING:
    from infra.outputs import StackOutputs

CONFIG_FILE = "config.json"
"""Served beside index.html and never cached, because a deployment changes it in place."""


class _Json(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        json_schema_serialization_defaults_required=True,
    )


class SiteAttribute(_Json):
    """An attribute of a user, as the page's form asks for it."""

    name: str = Field(description="The field's name in a request.")
    label: str = Field(description="What people read beside the input.")
    hint: str = Field(description="A sentence under the input; empty for none.")
    example: str = Field(description="A valid value, shown beside one that isn't.")
    required: bool
    confirmed: bool = Field(description="Whether with neutral answers the mail with the link goes to its value.")
    type: str = Field(description="The input's type in HTML.")
    inputmode: str = Field(description="The input's inputmode in HTML.")
    autocomplete: str = Field(description="The input's autocomplete in HTML.")
    autocapitalize: str = Field(description="The input's autocapitalize in HTML.")


def site_attributes(attributes: Sequence[Attribute]) -> tuple[SiteAttribute, ...]:
    """Return the attributes that people may enter."""
    return tuple(
        SiteAttribute(
            name=each.name,
            label=each.label,
            hint=each.hint,
            example=each.example,
            required=each.required,
            confirmed=each.confirmed,
            **each.form._asdict(),
        )
        for each in attributes
        if each.accepted
    )


class SiteConfig(_Json):
    """The content of config.json: three of the stack outputs and the form, and nothing else."""

    environment: str = Field(min_length=1, description="Name of the stack, shown on the page.")
    region: str = Field(min_length=1, description="AWS region of the stack, shown on the page.")
    api_url: str = Field(
        pattern=r"^https?://[^\s]+[^/\s]$",
        description="Base URL of `POST /register`, without a trailing slash: the API's, or the page's own with a "
        "limit per client.",
    )
    attributes: tuple[SiteAttribute, ...] = Field(
        default=site_attributes(ATTRIBUTES), description="What the form asks for, in its order."
    )

    @classmethod
    def from_outputs(cls, outputs: "StackOutputs") -> Self:
        """Take what the site needs from the outputs of its stack."""
        return cls(environment=outputs.environment, region=outputs.region, api_url=outputs.api_url)

    def to_json(self) -> str:
        """Return the text of config.json."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"


def origin(url: str) -> str:
    """Return a URL's scheme, host and port: what CORS and a content security policy compare."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def security_headers(api_origin: str | None) -> dict[str, str]:
    """Return the headers of every response of the site, by name.

    The site runs only its own files, no inline script or style and no markup made from strings, and
    calls only its API. `form-action` refuses a form submitted without the script, which would put a
    person's details in the address bar. Strict-Transport-Security isn't among the headers, because
    it needs https, which the local stack lacks.

    Args:
        api_origin: where the page may send requests, see `origin`; or, if the API isn't created
            yet, `https://*.execute-api.<region>.amazonaws.com`. None: to its own origin alone.

    Source: OWASP HTTP Headers Cheat Sheet; W3C Content Security Policy Level 3; W3C Trusted Types.
    """
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {api_origin}" if api_origin else "'self'",
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
