"""The site's response headers, in the form CloudFront wants them: some by a name of their own, the others as text."""

from collections.abc import Mapping

import pulumi_aws as aws

HSTS_SECONDS = 365 * 24 * 60 * 60
"""How long a browser insists on HTTPS. Source: OWASP HTTP Strict Transport Security Cheat Sheet: a year."""

_Security = aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigArgs
_CSP = aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigContentSecurityPolicyArgs
_TypeOptions = aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigContentTypeOptionsArgs
_FrameOptions = aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigFrameOptionsArgs
_Referrer = aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigReferrerPolicyArgs
_Hsts = aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurityArgs
_Custom = aws.cloudfront.ResponseHeadersPolicyCustomHeadersConfigItemArgs

_NAMED = ("Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options")


def response_headers_policy_args(name: str, headers: Mapping[str, str]) -> aws.cloudfront.ResponseHeadersPolicyArgs:
    """CloudFront's policy for a set of headers; Strict-Transport-Security comes on top, since CloudFront is all HTTPS.

    Args:
        name: name of the policy.
        headers: name to value; the four that every site should have must be among them.

    Raises:
        KeyError: one of those four is missing.
    """
    return aws.cloudfront.ResponseHeadersPolicyArgs(
        name=name,
        security_headers_config=_Security(
            content_security_policy=_CSP(content_security_policy=headers["Content-Security-Policy"], override=True),
            referrer_policy=_Referrer(referrer_policy=headers["Referrer-Policy"], override=True),
            # Its one value is nosniff.
            content_type_options=_TypeOptions(override=headers["X-Content-Type-Options"] == "nosniff"),
            frame_options=_FrameOptions(frame_option=headers["X-Frame-Options"], override=True),
            strict_transport_security=_Hsts(access_control_max_age_sec=HSTS_SECONDS, override=True),
        ),
        custom_headers_config=aws.cloudfront.ResponseHeadersPolicyCustomHeadersConfigArgs(
            items=[
                _Custom(header=header, value=value, override=True)
                for header, value in sorted(headers.items())
                if header not in _NAMED
            ]
        ),
    )
