"""Check the values of a configuration: return StackSettings, or raise every problem at once."""

import difflib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import cast

from pydantic import ValidationError

from infra import naming
from infra.settings.constraints import CONSTRAINTS
from infra.settings.model import NAMESPACE, REGION_KEY, StackSettings
from infra.settings.types import allowed_values

_FIELDS = {field.alias or name: field for name, field in StackSettings.model_fields.items()}
"""Name in the configuration, without our namespace, to field."""


@dataclass(frozen=True, kw_only=True)
class SettingProblem:
    """One wrong setting: full name, value in words, rule, and the command that fixes it."""

    key: str
    value: str
    rule: str
    command: str

    def __str__(self) -> str:
        return f"{self.key} {self.value}: {self.rule}\n    {self.command}"


class SettingsError(Exception):
    """The settings have problems; the message lists each with the command that fixes it."""

    def __init__(self, environment: str, problems: list[SettingProblem]) -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        listed = "\n  ".join(str(problem) for problem in problems)
        super().__init__(f"the settings of stack '{environment}' have {count}; nothing was deployed\n  {listed}")


def load_settings(
    environment: str, config: Mapping[str, object], secret_keys: AbstractSet[str] = frozenset()
) -> StackSettings:
    """Check a stack's configuration.

    Args:
        environment: the stack's name, which is the environment's unless a setting has that.
        config: full key (`userstream:streamBatchSize`) to value, as text or as YAML reads it. Keys
            of other namespaces, except aws:region, are ignored; a key without one is refused.
        secret_keys: full keys whose values must not be shown in a message.

    Raises:
        SettingsError: with every problem.
    """
    values = {key: value for key, value in config.items() if _is_ours(key)}
    shown = {key: "is [secret]" if key in secret_keys else f"is {value!r}" for key, value in values.items()}

    def problem(key: str, rule: str, command: str) -> SettingProblem:
        full_command = f"pulumi config {command} --stack {environment}"
        return SettingProblem(key=key, value=shown.get(key, "is not set"), rule=rule, command=full_command)

    problems = [] if f"{NAMESPACE}:environment" in config else _stack_name_problems(environment)
    problems += [problem(key, _unknown_rule(key), f"rm {key}") for key in sorted(values) if not _is_known(key)]
    known = {_alias(key): value for key, value in values.items() if _is_known(key)}
    wrong = _wrong_settings(known)
    problems += [
        problem(config_key(alias), f"must be {allowed_values(_FIELDS[alias])}", _set_example(alias)) for alias in wrong
    ]
    # A wrong value is replaced by its example, so that the constraints can be checked as well.
    settings = StackSettings.model_validate({**known, **{alias: _example(alias) for alias in wrong}})
    for constraint in CONSTRAINTS:
        if not wrong.keys() & {constraint.setting, constraint.other} and not constraint.holds(settings):
            key = config_key(constraint.setting)
            problems.append(problem(key, f"must be {constraint.rule}", f"set {key} {constraint.fix(settings)}"))
    if problems:
        raise SettingsError(environment, problems)
    return settings


def config_key(alias: str) -> str:
    """Return the full name of a setting in a configuration."""
    return alias if alias == REGION_KEY else f"{NAMESPACE}:{alias}"


def _set_example(alias: str) -> str:
    """Return the arguments of `pulumi config` that set a setting to its example."""
    key, example = config_key(alias), _example(alias)
    if isinstance(example, list):
        return f"set --path '{key}[0]' {cast('list[str]', example)[0]}"
    if isinstance(example, dict):
        name, value = next(iter(cast("dict[str, str]", example).items()))
        return f"set --path '{key}.{name}' {value}"
    return f"set {key} {example}"


def _example(alias: str) -> object:
    return (_FIELDS[alias].examples or [""])[0]


def _alias(key: str) -> str:
    return key.removeprefix(f"{NAMESPACE}:")


def _is_ours(key: str) -> bool:
    # In a file read without the CLI a key can lack a namespace: then ours was forgotten.
    return key.startswith(f"{NAMESPACE}:") or key == REGION_KEY or ":" not in key


def _is_known(key: str) -> bool:
    return _alias(key) in _FIELDS and config_key(_alias(key)) == key


def _wrong_settings(known: Mapping[str, object]) -> dict[str, None]:
    """Return the settings whose own value is wrong or missing, in the model's order."""
    try:
        StackSettings.model_validate(known)
    except ValidationError as error:
        return dict.fromkeys(str(detail["loc"][0]) for detail in error.errors())
    return {}


def _stack_name_problems(environment: str) -> list[SettingProblem]:
    if naming.is_environment_name(environment):
        return []
    rule = (
        f"must be up to {naming.ENVIRONMENT_MAXIMUM_LENGTH} lower-case letters, digits and single hyphens, "
        "beginning with a letter: it is part of every name, a bucket's too"
    )
    command = "pulumi stack rename dev"
    return [SettingProblem(key="the stack's name", value=f"is {environment!r}", rule=rule, command=command)]


def _unknown_rule(key: str) -> str:
    similar = difflib.get_close_matches(_alias(key), _FIELDS, n=1)
    hint = f"did you mean {config_key(similar[0])}?" if similar else "docs/settings.md lists those there are"
    return f"there is no such setting; {hint}"
