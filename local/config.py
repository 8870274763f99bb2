"""The local stack's configuration: Pulumi.local.yaml, and CORS for the local page.

Not in local/deploy, which imports Pulumi: the supervisor reads it before it starts the emulator.
"""

import contextlib
import json
from pathlib import Path

from infra.naming import PROJECT_ROOT
from infra.settings.stack_file import StackFileError, stack_file_config

STACK = "local"
REGION_KEY = "aws:region"
PLATFORM_KEY = "userstream:functionPlatform"

_CORS_KEY = "userstream:corsAllowedOrigins"


class LocalConfigError(Exception):
    """The configuration can't be read; the message says where and why."""


def local_config(website_origin: str, directory: Path = PROJECT_ROOT) -> dict[str, str]:
    """Return full keys to text, as the Pulumi CLI would pass them to the program.

    Raises:
        LocalConfigError: Pulumi.local.yaml doesn't exist in the directory, or isn't YAML.
    """
    try:
        config = stack_file_config(STACK, directory)
    except (FileNotFoundError, StackFileError) as error:
        raise LocalConfigError(str(error)) from error
    with contextlib.suppress(ValueError):  # The program reports a setting that isn't a list.
        origins = json.loads(config.get(_CORS_KEY) or "[]")
        if isinstance(origins, list):
            config[_CORS_KEY] = json.dumps([*origins, website_origin])
    return config
