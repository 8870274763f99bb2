"""Settings of what stands in front of the functions on AWS, and isn't served on this machine.

They are checked as on AWS, and the stack comes up without them: this machine has neither DNS and
TLS nor CloudFront and WAF, and the emulator throttles no table.
"""

from collections.abc import Mapping

from infra.settings.check import config_key

_DOMAIN_PARTS = ("Domain", "HostedZoneId", "CertificateArn")

_NOT_DEPLOYED = frozenset(
    config_key(name)
    for name in [
        *(f"{of}{part}" for of in ("api", "website") for part in _DOMAIN_PARTS),
        "registrationsPerClient",
        "tableWarmWriteUnits",
        "tableMaximumWriteUnits",
    ]
)

_MESSAGES: Mapping[str, str] = {
    "apiDomain": "apiDomain {} is not served on this machine: use apiUrl",
    "websiteDomain": "websiteDomain {} is not served on this machine: use websiteUrl",
    "registrationsPerClient": "registrationsPerClient {} is not enforced on this machine: it has no AWS WAF",
    "mailSender": "mailSender {} sends no mail from this machine: mails are kept in mail/ of the state "
    "directory, and the page shows them",
    "tableWarmWriteUnits": "tableWarmWriteUnits {} is not served on this machine: the emulator's tables take any load",
    "tableMaximumWriteUnits": "tableMaximumWriteUnits {} is not enforced on this machine: the emulator throttles no "
    "table",
    "tracing": "tracing is not served on this machine: the emulator has no X-Ray",
}


def served_config(config: Mapping[str, str]) -> dict[str, str]:
    """Return a configuration without the settings that can't be deployed on this machine."""
    return {key: value for key, value in config.items() if key not in _NOT_DEPLOYED}


def unserved_settings(config: Mapping[str, str]) -> list[str]:
    """Return a line for each setting of a configuration that isn't served on this machine."""
    return [
        message.format(config[config_key(name)])
        for name, message in _MESSAGES.items()
        if config.get(config_key(name), "false") != "false"
    ]
