"""What a function's process sees of the environment: what Lambda gives, and what runs Python."""

import subprocess
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

_KEPT = frozenset({"LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONUTF8", "SYSTEMROOT"})
"""Of the emulator's own environment: Lambda sets its own locale and time zone as well."""

_LAMBDA_PATH = "/usr/local/bin:/usr/bin:/bin"
"""The part of Lambda's PATH that other systems have.
Source: Lambda developer guide, "Defined runtime environment variables"."""


def function_environment(asked: Mapping[str, str], emulator: Mapping[str, str]) -> dict[str, str]:
    """Return a function's environment without what it would inherit from the emulator's.

    Args:
        asked: the environment that the emulator would start the function with.
        emulator: the emulator's own, which `asked` is made from.
    """
    inherited = {name for name, value in emulator.items() if name not in _KEPT and asked.get(name) == value}
    return {name: value for name, value in asked.items() if name not in inherited} | {
        "PATH": _LAMBDA_PATH,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def without_emulator_settings(emulator: Mapping[str, str]) -> Any:
    """Return a stand-in for the module `subprocess` whose Popen gives that environment."""

    def popen(*arguments: Any, env: Mapping[str, str], **options: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(*arguments, env=function_environment(env, emulator), **options)

    return SimpleNamespace(**{**vars(subprocess), "Popen": popen})
