"""Where a stack's configuration comes from: the program that runs, or the stack's file read without Pulumi's CLI."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pulumi.runtime.config as runtime_config
import yaml
from typing_extensions import override

from infra.naming import PROJECT_ROOT


class StackFileError(Exception):
    """A stack's file can't be read as one; the message names it and says why."""


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
        Full key to text; lists and maps as JSON. A secret is left out: it is encrypted, and only who may use the
        stack's key reads it.

    Raises:
        FileNotFoundError: the stack has no file.
        StackFileError: it is no YAML, sets a key twice, or is no map with a map `config`.
    """
    path = directory / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: copy Pulumi.dev.yaml and change what differs")
    try:
        document = cast("dict[str, dict[str, object]] | None", yaml.load(path.read_text(encoding="utf-8"), _Loader))  # noqa: S506  a SafeLoader
        config = (document or {}).get("config") or {}
        return {_text(key): _text(value) for key, value in config.items() if not _is_encrypted(value)}
    # The last two are PyYAML's at a number that is none, and ours at what is no map.
    except (yaml.YAMLError, ValueError, AttributeError) as error:
        raise StackFileError(f"{path} is not the YAML of a stack (a map `config:` of settings): {error}") from error


def _is_encrypted(value: object) -> bool:
    """Whether it is what `pulumi config set --secret` writes."""
    return isinstance(value, dict) and list(cast("dict[str, object]", value)) == ["secure"]


class _Loader(yaml.SafeLoader):
    """Reads YAML as 1.2 has it: `yes`, `1:40` and `2026-01-01` are texts, and a key that is set twice is an error.

    PyYAML's own 1.1 makes them a switch, a number and a date, and takes the last of two keys in silence.
    """

    # As they are written: while a map is constructed, `<<` puts keys of others beside its own.
    @override
    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is set twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return node


_loader = cast("Any", _Loader)  # PyYAML's type stubs leave this open
_loader.yaml_implicit_resolvers = {}
for _type, _form, _first in [
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"0|-?[1-9][0-9]*", "-0123456789"),
    ("merge", r"<<", "<"),
]:
    _loader.add_implicit_resolver(f"tag:yaml.org,2002:{_type}", re.compile(rf"(?:{_form})\Z"), [*_first])


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
