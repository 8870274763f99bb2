"""The configuration of the running Pulumi program."""

import pulumi.runtime.config as runtime_config


def running_config() -> tuple[dict[str, str], set[str]]:
    """Return all configuration of the running program; `pulumi.Config` returns known keys only.

    The Automation API and tests set it in the process (`pulumi.runtime.set_all_config`), the CLI's
    language host in environment variables.

    Returns:
        Full key to text, and the full keys whose values are secret.
    """
    values = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    secret = runtime_config.get_config_secret_keys_env()
    return values, {key for key in values if key in secret or runtime_config.is_config_secret(key)}
