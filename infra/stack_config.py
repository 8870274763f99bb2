"""Where a stack's configuration comes from: the program that runs, or the stack's file read without Pulumi's CLI."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pulumi.runtime.config as runtime_config
import yaml

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """Every key of a stack's configuration.

    Attributes:
        values: full key to text.
        secret_keys: full keys whose values are secret.
    """

    values: Mapping[str, str]
    secret_keys: frozenset[str]


def running_config() -> StackConfig:
    """The configuration of the program that runs now, all of it: `pulumi.Config` only answers for keys one knows.

    The Automation API, and tests, put it in the process (`pulumi.runtime.set_all_config`); the CLI's language host puts
    it in the environment.
    """
    values = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    secret = runtime_config.get_config_secret_keys_env()
    return StackConfig(
        values=values,
        secret_keys=frozenset(key for key in values if key in secret or runtime_config.is_config_secret(key)),
    )


def stack_file_config(stack: str, directory: Path = PROJECT_ROOT) -> dict[str, str]:
    """The configuration in `Pulumi.<stack>.yaml`, as the CLI would hand it to the program.

    Args:
        stack: the stack's name.
        directory: where the file is.

    Returns:
        Full key to text; lists and maps as JSON.

    Raises:
        FileNotFoundError: the stack has no file.
    """
    path = directory / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: copy Pulumi.dev.yaml and change what differs")
    document = cast("dict[str, dict[str, object]] | None", yaml.safe_load(path.read_text(encoding="utf-8")))
    return {key: _text(value) for key, value in ((document or {}).get("config") or {}).items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
