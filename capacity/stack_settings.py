"""Reads the settings that matter for capacity from a stack's Pulumi.<stack>.yaml."""

from dataclasses import fields
from pathlib import Path

from capacity.workload import CapacitySettings
from infra.naming import PROJECT_ROOT
from infra.settings.check import load_settings
from infra.settings.stack_file import stack_file_config


def stack_settings(stack: str, directory: Path = PROJECT_ROOT) -> CapacitySettings:
    """Read Pulumi.<stack>.yaml in the directory.

    Raises:
        FileNotFoundError: There is no such file.
        infra.settings.check.SettingsError: A setting is wrong; the message names each.
        infra.settings.stack_file.StackFileError: The file isn't a stack's.
    """
    settings = load_settings(stack, stack_file_config(stack, directory))
    return CapacitySettings(**{field.name: getattr(settings, field.name) for field in fields(CapacitySettings)})
