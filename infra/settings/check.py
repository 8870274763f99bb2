"""Check the values of a configuration: return StackSettings, or raise every problem at once."""

import difflib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pydantic import ValidationError

from infra import naming
from infra.settings.constraints import CONSTRAINTS, ON_AWS, Constraint
from infra.settings.mends import FIELDS, Mend, config_key, mends_of_constraint, mends_of_entries, mends_of_value
from infra.settings.model import NAMESPACE, REGION_KEY, StackSettings
from infra.settings.types import allowed_values

_ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class SettingProblem:
    """One wrong setting: full name, value in words, rule, and the commands that mend it."""

    key: str
    value: str
    rule: str
    command: str

    def __str__(self) -> str:
        return f"{self.key} {self.value}: {self.rule}\n    {self.command}"


class SettingsError(Exception):
    """The settings have problems; the message lists each with the commands that mend it."""

    def __init__(self, environment: str, problems: list[SettingProblem]) -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        listed = "\n  ".join(str(problem) for problem in problems)
        super().__init__(f"the settings of stack '{environment}' have {count}; nothing was deployed\n  {listed}")


def load_settings(
    environment: str,
    config: Mapping[str, object],
    secret_keys: AbstractSet[str] = frozenset(),
    *,
    on_aws: bool = False,
) -> StackSettings:
    """Check a stack's configuration.

    Args:
        environment: the stack's name, which is the environment's unless a setting has that.
        config: full key (`userstream:streamBatchSize`) to value, as text or as YAML reads it. Keys
            of other namespaces, except aws:region, are ignored.
        secret_keys: full keys whose values must not be shown in a message.
        on_aws: whether what only the emulator takes is refused too.

    Raises:
        SettingsError: with every problem. Their commands, typed in their order, leave none.
    """
    values = {key: value for key, value in config.items() if key.startswith(f"{NAMESPACE}:") or key == REGION_KEY}
    shown = {key: "is [secret]" if key in secret_keys else f"is {value!r}" for key, value in values.items()}

    def problem(key: str, rule: str, commands: Sequence[Sequence[str]]) -> SettingProblem:
        lines = [_command_line(environment, arguments) for arguments in commands]
        return SettingProblem(key=key, value=shown.get(key, "is not set"), rule=rule, command="\n    ".join(lines))

    problems = [] if f"{NAMESPACE}:environment" in config else _stack_name_problems(environment)
    problems += [problem(key, _unknown_rule(key), [("rm", key)]) for key in sorted(values) if not _is_known(key)]
    rules = [*CONSTRAINTS, *(ON_AWS if on_aws else [])]
    known = {_alias(key): value for key, value in values.items() if _is_known(key)}
    mended = dict(known)
    for alias in _wrong_settings(known):
        key = config_key(alias)
        mends = [] if key in secret_keys else mends_of_entries(alias, known.get(alias))
        if not mends:
            ways = mends_of_value(alias, known.get(alias), secret=key in secret_keys)
            mends = [_first_clean(ways, mended, rules, alias)]
        mended = mends[-1].apply(mended)
        commands = [mend.arguments for mend in mends]
        problems.append(problem(key, f"must be {allowed_values(FIELDS[alias])}", commands))
    # Mending one may break another that was looked at before.
    broken = _broken(mended, rules)
    for constraint in rules * _ROUNDS:
        if constraint in broken:
            ways = mends_of_constraint(constraint, _valid(mended))
            mend = _first_clean(ways, mended, rules, constraint)
            mended = mend.apply(mended)
            broken = _broken(mended, rules)
            problems.append(problem(config_key(constraint.setting), f"must be {constraint.rule}", [mend.arguments]))
    if problems:
        raise SettingsError(environment, problems)
    return StackSettings.model_validate(known)


def _command_line(environment: str, arguments: Sequence[str]) -> str:
    *before, last = arguments
    # A value with a hyphen before it would be taken for an option.
    ending = ["--stack", environment, "--", last] if last.startswith("-") else [last, "--stack", environment]
    return shlex.join(["pulumi", "config", *before, *ending])


def _first_clean(
    ways: Iterator[Mend], values: Mapping[str, object], rules: Sequence[Constraint], mended: "str | Constraint"
) -> Mend:
    """Return the first way after which all that was right is right; else the first one."""
    allowed = _broken(values, rules) - {mended}
    first = next(ways)
    if _broken(first.apply(values), rules) <= allowed:
        return first
    return next((way for way in ways if _broken(way.apply(values), rules) <= allowed), first)


def _broken(values: Mapping[str, object], rules: Sequence[Constraint]) -> "set[str | Constraint]":
    """Return the settings that are wrong by themselves, and the rules that others break."""
    wrong = _wrong_settings(values)
    settings = _valid(values)
    return {
        *wrong,
        *(rule for rule in rules if not wrong.keys() & {rule.setting, rule.other} and not rule.holds(settings)),
    }


def _valid(values: Mapping[str, object]) -> StackSettings:
    """Return the settings without the wrong ones, or with an example of one that must be set."""
    wrong = _wrong_settings(values)
    examples = {alias: (FIELDS[alias].examples or [""])[0] for alias in wrong if FIELDS[alias].is_required()}
    right = {alias: value for alias, value in values.items() if alias not in wrong}
    return StackSettings.model_validate({**right, **examples})


def _alias(key: str) -> str:
    return key.removeprefix(f"{NAMESPACE}:")


def _is_known(key: str) -> bool:
    return _alias(key) in FIELDS and config_key(_alias(key)) == key


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
    similar = difflib.get_close_matches(_alias(key), FIELDS, n=1)
    hint = f"did you mean {config_key(similar[0])}?" if similar else "docs/settings.md lists those there are"
    return f"there is no such setting; {hint}"
