"""From the values of a configuration to StackSettings, or to every problem of them at once."""

import difflib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import cast

from pydantic import ValidationError

from infra import naming
from infra.settings.model import AGREEMENTS, NAMESPACE, REGION_KEY, StackSettings
from infra.settings.types import allowed_values


@dataclass(frozen=True, kw_only=True)
class SettingProblem:
    """What is wrong with one setting.

    Attributes:
        key: full name, for example `userstream:streamBatchSize`.
        value: what it is now, in words.
        rule: what it must be.
        command: the line that mends it.
    """

    key: str
    value: str
    rule: str
    command: str

    def __str__(self) -> str:
        return f"{self.key} {self.value}: {self.rule}\n    {self.command}"


class SettingsError(Exception):
    """Settings that a stack can't be built from; the message lists every problem and the line that mends it."""

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
        environment: the stack's name.
        config: full key (`userstream:streamBatchSize`) to value, as text or as YAML reads it. Other namespaces' keys,
            but for aws:region, are theirs to check; a key without a namespace is refused.
        secret_keys: full keys whose values a message must not show.

    Returns:
        The settings.

    Raises:
        SettingsError: with every problem.
    """
    values = {key: value for key, value in config.items() if _is_ours(key)}
    shown = {key: "is [secret]" if key in secret_keys else f"is {value!r}" for key, value in values.items()}
    check = _Check(environment, shown)
    problems = check.stack_name() + check.unknown_keys()
    known = {_alias(key): value for key, value in values.items() if _is_known(key)}
    settings, wrong = check.values(known)
    problems += wrong + check.agreements(settings, {problem.key for problem in wrong})
    if problems:
        raise SettingsError(environment, problems)
    return settings


_FIELDS = {field.alias or name: field for name, field in StackSettings.model_fields.items()}
"""Name in the configuration, without our namespace, to field."""


def config_key(alias: str) -> str:
    """Full name of a setting in a configuration."""
    return alias if alias == REGION_KEY else f"{NAMESPACE}:{alias}"


def set_command(alias: str, environment: str) -> str:
    """The line that sets a setting to its example."""
    key, example = config_key(alias), _example(alias)
    if isinstance(example, list):
        return f"pulumi config set --path '{key}[0]' {cast('list[str]', example)[0]} --stack {environment}"
    if isinstance(example, dict):
        name, value = next(iter(cast("dict[str, str]", example).items()))
        return f"pulumi config set --path '{key}.{name}' {value} --stack {environment}"
    return f"pulumi config set {key} {example} --stack {environment}"


def _example(alias: str) -> object:
    return (_FIELDS[alias].examples or [""])[0]


def _alias(key: str) -> str:
    return key.removeprefix(f"{NAMESPACE}:")


def _is_ours(key: str) -> bool:
    # In a file read without the CLI a key may have no namespace: it is nobody else's, so somebody forgot ours.
    return key.startswith(f"{NAMESPACE}:") or key == REGION_KEY or ":" not in key


def _is_known(key: str) -> bool:
    return _alias(key) in _FIELDS and config_key(_alias(key)) == key


@dataclass(frozen=True)
class _Check:
    """One look at a configuration."""

    environment: str
    shown: Mapping[str, str]

    def stack_name(self) -> list[SettingProblem]:
        if naming.is_environment_name(self.environment):
            return []
        rule = (
            f"must be up to {naming.ENVIRONMENT_MAXIMUM_LENGTH} lower-case letters, digits and single hyphens, "
            "beginning with a letter: it is part of every name, a bucket's too"
        )
        command = "pulumi stack rename dev"
        return [SettingProblem(key="the stack's name", value=f"is {self.environment!r}", rule=rule, command=command)]

    def unknown_keys(self) -> list[SettingProblem]:
        return [self._unknown(key) for key in sorted(self.shown) if not _is_known(key)]

    def _unknown(self, key: str) -> SettingProblem:
        similar = difflib.get_close_matches(_alias(key), _FIELDS, n=1)
        meant = f"; did you mean {config_key(similar[0])}?" if similar else "; docs/settings.md lists those there are"
        return SettingProblem(
            key=key,
            value=self.shown[key],
            rule=f"there is no such setting{meant}",
            command=f"pulumi config rm {key} --stack {self.environment}",
        )

    def values(self, known: Mapping[str, object]) -> tuple[StackSettings, list[SettingProblem]]:
        """Check each value by itself.

        Returns:
            The settings, with an example in the place of each value that is wrong, and the problems.
        """
        try:
            return StackSettings.model_validate(known), []
        except ValidationError as error:
            wrong = list(dict.fromkeys(str(detail["loc"][0]) for detail in error.errors()))
        mended = {**known, **{alias: _example(alias) for alias in wrong}}
        return StackSettings.model_validate(mended), [
            self._problem(alias, allowed_values(_FIELDS[alias]), set_command(alias, self.environment))
            for alias in wrong
        ]

    def _problem(self, alias: str, rule: str, command: str) -> SettingProblem:
        key = config_key(alias)
        return SettingProblem(key=key, value=self.shown.get(key, "is not set"), rule=f"must be {rule}", command=command)

    def agreements(self, settings: StackSettings, wrong: AbstractSet[str]) -> list[SettingProblem]:
        """Check the settings that have to fit together, where each of them is right by itself."""
        problems: list[SettingProblem] = []
        for agreement in AGREEMENTS:
            alias, other = (
                StackSettings.model_fields[name].alias or name for name in (agreement.field, agreement.other)
            )
            if not {config_key(alias), config_key(other)} & wrong and not agreement.holds(settings):
                mended = agreement.mended(settings)
                command = f"pulumi config set {config_key(alias)} {mended} --stack {self.environment}"
                problems.append(self._problem(alias, agreement.rule, command))
        return problems
