"""A stack's configuration in its file, read without Pulumi's CLI. Pulumi isn't imported here."""

import json
import re
from pathlib import Path
from typing import Any, cast

import yaml
from typing_extensions import override

from infra.naming import PROJECT, PROJECT_ROOT
from infra.settings.esc import MergedConfigError, merged_config


class StackFileError(Exception):
    """A stack's file has the wrong form; the message names the file and the reason."""


def stack_file_config(stack: str, directory: Path = PROJECT_ROOT) -> dict[str, str]:
    """Return the configuration in `Pulumi.<stack>.yaml`, as the CLI passes it to the program.

    Of a file that imports environments of Pulumi ESC it is what the CLI merges from both
    (infra/settings/esc.py).

    Returns:
        Full key to text; lists and maps as JSON. A key without a namespace is the project's.
        Secrets are left out, because they are encrypted.

    Raises:
        FileNotFoundError: the stack has no file.
        StackFileError: the file isn't YAML, sets a key twice, or isn't a map with a map `config`;
            or nobody gives the values that it imports.
    """
    path = directory / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: copy Pulumi.dev.yaml and change what differs")
    try:
        document = cast("dict[str, dict[str, object]] | None", yaml.load(path.read_text(encoding="utf-8"), _Loader))  # noqa: S506  a SafeLoader
        config = (document or {}).get("config") or {}
        if imported := (document or {}).get("environment"):
            return _merged(stack, path, imported)
        read: dict[str, str] = {}
        for key, value in config.items():
            full = _text(key) if ":" in _text(key) else f"{PROJECT}:{_text(key)}"
            if full in read:
                raise StackFileError(f"{path} sets {full} twice: once without the project's name")
            if not _is_encrypted(value):
                read[full] = _text(value)
    # PyYAML raises ValueError for a malformed number; what isn't a map has no such attribute.
    except (yaml.YAMLError, ValueError, AttributeError) as error:
        raise StackFileError(f"{path} is not the YAML of a stack (a map `config:` of settings): {error}") from error
    return read


def _merged(stack: str, path: Path, imported: object) -> dict[str, str]:
    """Return the configuration of a file that imports environments."""
    try:
        return merged_config(stack, path.parent)
    except MergedConfigError as error:
        raise StackFileError(
            f"{path} imports values from Pulumi ESC (environment: {_text(imported)}), and {error}"
        ) from error


def _is_encrypted(value: object) -> bool:
    """Return whether `pulumi config set --secret` wrote the value."""
    return isinstance(value, dict) and list(cast("dict[str, object]", value)) == ["secure"]


class _Loader(yaml.SafeLoader):
    """Reads YAML 1.2: `yes`, `1:40` and `2026-01-01` are text, and a repeated key is an error.

    PyYAML's own YAML 1.1 makes them a boolean, a number and a date, and takes the last key.
    """

    # Checked in the node, because constructing the map adds the keys that `<<` merges.
    @override
    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is set twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return node


_loader = cast("Any", _Loader)  # PyYAML's stubs don't type the resolvers
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
