"""The printed commands mend what is wrong, and leave everything else as it was."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.partitions import regions
from infra.settings.check import SettingsError, load_settings
from infra.settings.constraints import CONSTRAINTS
from infra.settings.mends import FIELDS, config_key
from tests.support.stack.config_commands import after_command
from tests.support.stack.own_settings import own_config

STACKS = {stack: own_config(stack) for stack in ("dev", "prod", "local")}
TAGS, ORIGINS = "userstream:tags", "userstream:corsAllowedOrigins"


def commands(stack: str, config: Mapping[str, str], secrets: frozenset[str] = frozenset()) -> list[str]:
    try:
        load_settings(stack, config, secrets, on_aws=stack != "local")
    except SettingsError as error:
        return [line for problem in error.problems for line in problem.command.splitlines()]
    return []


def mended(stack: str, config: Mapping[str, str]) -> dict[str, str]:
    """Return a configuration after all printed commands, typed in their order; it is right."""
    changed = dict(config)
    for line in commands(stack, config):
        changed = after_command(line.strip(), changed)
    assert commands(stack, changed) == [], config
    return changed


VALUES = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["", " ", "true", "True", "no", "off", "1e3", "-1", "0", "null", "[]", "{}", "neutral", "host"]),
    st.sampled_from(["eu-wst-1", "EU-WEST-1", "3.14", "nobody", "https://App.Example.com/path", "a@example.com"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ).map(json.dumps),
)


@given(stack=st.sampled_from(sorted(STACKS)), alias=st.sampled_from(sorted(FIELDS)), value=VALUES)
@example(stack="dev", alias="alarmEmail", value="")
@example(stack="prod", alias="apiHostedZoneId", value="Z0")
def test_one_wrong_value_is_mended_and_the_rest_stays(stack: str, alias: str, value: str) -> None:
    wrong = {**STACKS[stack], config_key(alias): value}
    changed = mended(stack, wrong)

    pairs = [{rule.setting, rule.other} for rule in CONSTRAINTS]
    others = {config_key(each) for each in set[str]().union({alias}, *(pair for pair in pairs if alias in pair))}
    assert {key: text for key, text in changed.items() if key not in others} == {
        key: text for key, text in wrong.items() if key not in others
    }


@given(
    stack=st.sampled_from(sorted(STACKS)),
    values=st.dictionaries(st.sampled_from(sorted(FIELDS)), st.none() | VALUES, max_size=6),
)
def test_any_wrong_settings_are_right_after_the_commands(stack: str, values: dict[str, str | None]) -> None:
    config = {**STACKS[stack], **{config_key(alias): value for alias, value in values.items() if value is not None}}
    mended(
        stack,
        {key: text for key, text in config.items() if values.get(key.removeprefix("userstream:"), "") is not None},
    )


@given(
    tags=st.dictionaries(
        st.text(max_size=6)
        | st.sampled_from(["team", "Team", "Environment", "PROJECT", "aws:x", "AWS:x", 'a"b', "a.b", "a[0]", "-"]),
        st.text(max_size=6) | st.integers() | st.booleans() | st.none() | st.lists(st.text()),
        max_size=6,
    )
)
@example(tags={f"tag{number}": "x" for number in range(45)})
@example(tags={"offset": -5})
def test_wrong_tags_go_and_right_ones_stay(tags: dict[str, object]) -> None:
    left = json.loads(mended("dev", {**STACKS["dev"], TAGS: json.dumps(tags)})[TAGS])

    assert len({key.lower() for key in left}) == len(left)
    assert (
        left.items()
        <= {key: value if isinstance(value, str) else json.dumps(value) for key, value in tags.items()}.items()
    )
    right = [key for key in tags if not commands("dev", {**STACKS["dev"], TAGS: json.dumps({key: tags[key]})})]
    assert {key.lower() for key in right[:40]} <= {key.lower() for key in left}


@given(
    origins=st.lists(
        st.sampled_from(
            ["https://a.example.com", "https://a.example.com:443", "HTTPS://B.example.com/path", "*", "http://c:80", ""]
        )
        | st.text(max_size=8)
        | st.integers(),
        max_size=5,
    )
)
def test_wrong_origins_are_corrected_or_go_and_right_ones_stay(origins: list[str | int]) -> None:
    left = json.loads(mended("dev", {**STACKS["dev"], ORIGINS: json.dumps(origins)})[ORIGINS])

    assert [each for each in origins if each in left] == [each for each in left if each in origins]
    assert {"https://a.example.com"} & {*origins} <= {*left}
    assert not {"https://b.example.com"} - {*left} or "HTTPS://B.example.com/path" not in origins


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (
            TAGS,
            '{"team": "users", "Environment": "x"}',
            "pulumi config rm --path userstream:tags.Environment --stack dev",
        ),
        (TAGS, '{"costs": 42}', "pulumi config set --path --type string userstream:tags.costs 42 --stack dev"),
        (
            ORIGINS,
            '["https://a.example.com", "https://b.example.com:443"]',
            "pulumi config set --path 'userstream:corsAllowedOrigins[1]' https://b.example.com --stack dev",
        ),
        (ORIGINS, '["*"]', "pulumi config rm --path 'userstream:corsAllowedOrigins[0]' --stack dev"),
        ("userstream:alarmEmail", "", "pulumi config rm userstream:alarmEmail --stack dev"),
        ("userstream:apiMemoryMb", "64", "pulumi config set userstream:apiMemoryMb 128 --stack dev"),
        ("userstream:logRetentionDays", "10", "pulumi config set userstream:logRetentionDays 7 --stack dev"),
        ("userstream:requireTls", "no", "pulumi config set userstream:requireTls true --stack dev"),
        ("userstream:functionRuntime", "3.13", "pulumi config set userstream:functionRuntime python3.13 --stack dev"),
        ("aws:region", "eu-wst-1", "pulumi config set aws:region eu-west-1 --stack dev"),
    ],
)
def test_the_command_is_the_likeliest_one(key: str, value: str, line: str) -> None:
    assert commands("dev", {**STACKS["dev"], key: value}) == [line]


@pytest.mark.parametrize(("setting", "value"), [("functionPlatform", "host"), ("requireTls", "false")])
def test_what_only_the_emulator_takes_is_refused_on_aws(setting: str, value: str) -> None:
    config = {**STACKS["dev"], config_key(setting): value}

    assert load_settings("dev", config)
    (line,) = commands("dev", config)
    assert after_command(line, config) == STACKS["dev"]


@pytest.mark.parametrize("region", [*regions()])
def test_every_region_is_taken(region: str) -> None:
    assert commands("dev", {**STACKS["dev"], "aws:region": region}) == []


@pytest.mark.parametrize("region", ["eu-west-9", "xx-east-1", "aws-global", "us-east", "EU-west-1"])
def test_a_region_that_does_not_exist_is_refused(region: str) -> None:
    assert commands("dev", {**STACKS["dev"], "aws:region": region})


@given(alias=st.sampled_from(sorted(FIELDS)), value=st.from_regex(r"\As3cr3t[a-z]{8}\Z"))
def test_no_command_has_a_secret(alias: str, value: str) -> None:
    key = config_key(alias)
    for line in commands("dev", {**STACKS["dev"], key: value}, frozenset({key})):
        assert value not in line
