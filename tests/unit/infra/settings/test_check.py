"""Wrong settings are reported at once, each with its value, rule and the command to fix it."""

import json
import shlex
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings.check import SettingsError, config_key, load_settings
from infra.settings.constraints import CONSTRAINTS
from infra.settings.model import StackSettings
from infra.settings.types import allowed_values
from tests.support.stack.own_settings import own_config

DEV = own_config("dev")
FIELDS = {field.alias or name: field for name, field in StackSettings.model_fields.items()}
NUMBERS = {
    alias: (bounds["minimum"], bounds["maximum"])
    for alias, schema in StackSettings.model_json_schema()["properties"].items()
    for bounds in [schema, *schema.get("anyOf", [])]
    if "minimum" in bounds
}


ZONE = "Z0123456789ABCDEFGHIJ"
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
PAGE = {"userstream:websiteEnabled": "true"}
API_DOMAIN = {"userstream:apiDomain": "api.example.com", "userstream:apiHostedZoneId": ZONE}
REGISTER_THROTTLE = {"userstream:registerThrottleRatePerSecond": "9", "userstream:registerThrottleBurst": "9"}


def problems(changes: dict[str, Any], environment: str = "dev") -> dict[str, str]:
    """Return the message of each wrong key, for dev's settings with changes; None removes a key."""
    config = {key: value for key, value in {**DEV, **changes}.items() if value is not None}
    try:
        load_settings(environment, config)
    except SettingsError as error:
        return {problem.key: str(problem) for problem in error.problems}
    return {}


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_the_settings_of_every_stack_are_valid(stack: str) -> None:
    assert load_settings(stack, own_config(stack)).region == own_config(stack)["aws:region"]


@given(alias=st.sampled_from(sorted(NUMBERS)), data=st.data())
def test_a_number_outside_its_range_is_named_with_its_value_and_its_range(alias: str, data: st.DataObject) -> None:
    minimum, maximum = NUMBERS[alias]
    number = data.draw(st.integers().filter(lambda number: not minimum <= number <= maximum))
    key = config_key(alias)

    said = problems({key: str(number)})[key]

    assert f"is '{number}': must be a whole number from {minimum} to {maximum}" in said
    assert f"pulumi config set {key} " in said
    assert said.endswith("--stack dev")


@given(alias=st.sampled_from(sorted(NUMBERS)), text=st.text())
def test_a_number_not_in_plain_digits_is_refused(alias: str, text: str) -> None:
    key = config_key(alias)
    minimum, maximum = NUMBERS[alias]
    plain = text.isascii() and text.isdecimal() and str(int(text)) == text and minimum <= int(text) <= maximum

    assert plain or key in problems({key: text})


SWITCHES = sorted(alias for alias, field in FIELDS.items() if field.annotation is bool)


@given(
    alias=st.sampled_from(SWITCHES),
    text=st.text() | st.sampled_from(["true", "false", "True", "yes", "1", "on", "", "TRUE", " true"]),
)
def test_a_switch_is_exactly_true_or_false(alias: str, text: str) -> None:
    key = config_key(alias)
    said = problems({key: text})

    if text in ("true", "false"):
        assert key not in said
    else:
        assert f"is {text!r}: must be true or false" in said[key]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("userstream:logRetentionDays", "2"),
        ("userstream:logRetentionDays", "fourteen"),
        ("userstream:functionPlatform", "docker"),
        ("userstream:functionRuntime", "python3.11"),
        ("userstream:functionRuntime", "3.14"),
        ("userstream:corsAllowedOrigins", "https://app.example.com"),
        ("userstream:corsAllowedOrigins", '["*"]'),
        ("userstream:corsAllowedOrigins", '["https://app.example.com/"]'),
        ("userstream:corsAllowedOrigins", '["https://App.example.com"]'),
        ("userstream:corsAllowedOrigins", '["app.example.com"]'),
        ("userstream:corsAllowedOrigins", '["http://localhost:65536"]'),
        ("userstream:corsAllowedOrigins", '["https://app.example.com:443"]'),
        ("userstream:corsAllowedOrigins", '["http://localhost:80"]'),
        ("userstream:corsAllowedOrigins", "[1]"),
        ("userstream:corsAllowedOrigins", "{}"),
        ("userstream:corsAllowedOrigins", '"https://app.example.com"'),
        ("userstream:alarmEmail", "nobody"),
        ("userstream:alarmEmail", ""),
        ("userstream:apiDomain", "https://api.example.com"),
        ("userstream:apiDomain", "Api.example.com"),
        ("userstream:apiDomain", "*.example.com"),
        ("userstream:apiDomain", "localhost"),
        ("userstream:apiDomain", "api.example.com."),
        ("userstream:apiDomain", "10.0.0.1"),
        ("userstream:apiDomain", "-api.example.com"),
        ("userstream:apiDomain", f"{'a' * 53}.example.com"),
        ("userstream:apiHostedZoneId", "/hostedzone/Z0123456789ABCDEFGHIJ"),
        ("userstream:usersTableName", "ab"),
        ("userstream:usersTableName", "u" * 256),
        ("userstream:usersTableName", "Users/prod"),
        ("userstream:usersTableName", "arn:aws:dynamodb:eu-west-1:123456789012:table/Users"),
        ("userstream:tags", "team"),
        ("userstream:tags", '{"environment": "mine"}'),
        ("userstream:tags", '{"Environment": "mine"}'),
        ("userstream:tags", '{"MANAGEDBY": "mine"}'),
        ("userstream:tags", '{"team": "users", "Team": "users"}'),
        ("userstream:tags", '{"aws:team": "users"}'),
        ("userstream:tags", '{"AWS:team": "users"}'),
        ("userstream:tags", '{"team": "users; drop"}'),
        ("userstream:tags", '{"team": 1}'),
        ("userstream:tags", json.dumps({f"tag{number}": "" for number in range(41)})),
        ("aws:region", "Europe"),
        ("aws:region", "eu-wst-1"),
        ("aws:region", "aws-global"),
        ("aws:region", ""),
    ],
)
def test_a_value_of_the_wrong_form_is_named(key: str, value: str) -> None:
    said = problems({key: value})

    assert list(said) == [key]
    assert f"is {value!r}: must be " in said[key]


@pytest.mark.parametrize(
    ("key", "value", "field", "read"),
    [
        (
            "userstream:corsAllowedOrigins",
            '["https://a.example.com", "http://localhost:65535"]',
            "cors_allowed_origins",
            ("https://a.example.com", "http://localhost:65535"),
        ),
        ("userstream:corsAllowedOrigins", "[]", "cors_allowed_origins", ()),
        ("userstream:tags", '{"team": "users", "cost centre": ""}', "tags", {"team": "users", "cost centre": ""}),
        ("userstream:alarmEmail", "on-call@example.co.uk", "alarm_email", "on-call@example.co.uk"),
        ("userstream:tags", "{}", "api_domain", None),
        ("userstream:streamReservedConcurrency", "5", "stream_reserved_concurrency", 5),
        ("aws:region", "us-gov-west-1", "region", "us-gov-west-1"),
        ("aws:region", "eusc-de-east-1", "region", "eusc-de-east-1"),
    ],
)
def test_lists_maps_and_optional_settings_are_read(key: str, value: str, field: str, read: object) -> None:
    assert getattr(load_settings("dev", {**DEV, key: value}), field) == read


@pytest.mark.parametrize("alias", sorted(FIELDS))
def test_a_setting_that_is_missing_is_named_unless_it_is_optional(alias: str) -> None:
    key = config_key(alias)
    said = problems({key: None})

    if FIELDS[alias].is_required():
        assert "is not set: must be " in said[key]
    else:
        assert said == {}


KEYS = st.from_regex(r"\Auserstream:[A-Za-z][A-Za-z0-9_:.\-]{0,30}\Z")


@given(key=KEYS.filter(lambda key: key.removeprefix("userstream:") not in FIELDS))
def test_any_unknown_key_is_refused(key: str) -> None:
    said = problems({key: "1"})

    assert list(said) == [key]
    assert "there is no such setting" in said[key]
    assert said[key].endswith(f"pulumi config rm {key} --stack dev")


def test_an_unknown_key_suggests_the_closest_one() -> None:
    assert (
        "did you mean userstream:streamBatchSize?"
        in problems({"userstream:streamBatchsize": "5"})["userstream:streamBatchsize"]
    )
    assert "did you mean aws:region?" in problems({"userstream:region": "eu-west-1"})["userstream:region"]
    assert "there is no such setting" in problems({"userstream:aws:region": "eu-west-1"})["userstream:aws:region"]


def test_settings_of_other_namespaces_are_ignored() -> None:
    assert problems({"aws:profile": "users", "pulumi:tags": "{}", "other:streamBatchSize": "0"}) == {}


@given(wrong=st.sets(st.sampled_from(sorted(FIELDS)), min_size=1))
def test_every_problem_is_reported_at_once(wrong: set[str]) -> None:
    said = problems({config_key(alias): "\N{SNOWMAN}" for alias in wrong} | {"userstream:unknown": "1"})

    assert set(said) >= {config_key(alias) for alias in wrong} | {"userstream:unknown"}


PROTECTED = {
    "userstream:protectedEnvironment": "true",
    "userstream:deletionProtection": "true",
    "userstream:pointInTimeRecovery": "true",
    "userstream:protectResources": "true",
}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"userstream:iteratorAgeAlarmSeconds": "3600"}, "userstream:iteratorAgeAlarmSeconds"),
        (
            {"userstream:streamTimeoutSeconds": "900", "userstream:streamMaximumRecordAgeSeconds": "1799"},
            "userstream:streamMaximumRecordAgeSeconds",
        ),
        (
            {
                "userstream:streamBatchingWindowSeconds": "300",
                "userstream:streamMaximumRecordAgeSeconds": "599",
                "userstream:iteratorAgeAlarmSeconds": "100",
            },
            "userstream:streamMaximumRecordAgeSeconds",
        ),
        *(
            ({**PROTECTED, f"userstream:{setting}": "false"}, f"userstream:{setting}")
            for setting in ("deletionProtection", "pointInTimeRecovery", "protectResources")
        ),
        (
            {"userstream:streamReservedConcurrency": "2", "userstream:streamParallelizationFactor": "3"},
            "userstream:streamReservedConcurrency",
        ),
        (
            {"userstream:deletedUserHistoryDays": "31", "userstream:activityRetentionDays": "30"},
            "userstream:deletedUserHistoryDays",
        ),
        (
            {"userstream:userEventsArchiveDays": "31", "userstream:activityRetentionDays": "30"},
            "userstream:userEventsArchiveDays",
        ),
        (
            {"userstream:apiLatencyAlarmMilliseconds": "3000", "userstream:apiTimeoutSeconds": "3"},
            "userstream:apiLatencyAlarmMilliseconds",
        ),
        (
            {"userstream:registerThrottleRatePerSecond": "20", "userstream:registerThrottleBurst": "39"},
            "userstream:registerThrottleRatePerSecond",
        ),
        (
            {"userstream:registerThrottleRatePerSecond": "19", "userstream:registerThrottleBurst": "40"},
            "userstream:registerThrottleBurst",
        ),
        ({"userstream:tableMaximumWriteUnits": "119"}, "userstream:tableMaximumWriteUnits"),
        (
            {"userstream:tableMaximumWriteUnits": "7999", "userstream:tableWarmWriteUnits": "8000"},
            "userstream:tableMaximumWriteUnits",
        ),
        ({"userstream:registerThrottleRatePerSecond": "10"}, "userstream:registerThrottleBurst"),
        ({"userstream:registerThrottleBurst": "10"}, "userstream:registerThrottleRatePerSecond"),
        ({"userstream:trafficShiftPercent": "10"}, "userstream:trafficShiftMinutes"),
        ({"userstream:trafficShiftMinutes": "5"}, "userstream:trafficShiftPercent"),
        ({"userstream:apiDomain": "api.example.com"}, "userstream:apiHostedZoneId"),
        ({"userstream:apiHostedZoneId": ZONE}, "userstream:apiDomain"),
        ({"userstream:apiCertificateArn": CERTIFICATE}, "userstream:apiDomain"),
        ({**PAGE, "userstream:websiteDomain": "www.example.com"}, "userstream:websiteHostedZoneId"),
        ({**PAGE, "userstream:websiteHostedZoneId": ZONE}, "userstream:websiteDomain"),
        (
            {
                "userstream:apiDomain": "api.example.com",
                "userstream:apiCertificateArn": CERTIFICATE.replace("eu-west-1", "eu-west-2"),
            },
            "userstream:apiCertificateArn",
        ),
        (
            {
                **PAGE,
                **API_DOMAIN,
                "userstream:websiteDomain": "api.example.com",
                "userstream:websiteHostedZoneId": ZONE,
            },
            "userstream:websiteDomain",
        ),
        (
            {"userstream:websiteDomain": "www.example.com", "userstream:websiteHostedZoneId": ZONE},
            "userstream:websiteEnabled",
        ),
        ({**REGISTER_THROTTLE, "userstream:registrationsPerClient": "100"}, "userstream:websiteEnabled"),
        ({**PAGE, "userstream:registrationAnswers": "neutral"}, "userstream:mailSender"),
        ({**PAGE, "userstream:mailSender": "users@example.com"}, "userstream:registrationAnswers"),
        (
            {"userstream:registrationAnswers": "neutral", "userstream:mailSender": "users@example.com"},
            "userstream:confirmationPage",
        ),
    ],
)
def test_settings_that_break_a_constraint_are_named_with_a_value_that_fits(changes: dict[str, str], key: str) -> None:
    said = problems(changes)
    assert list(said) == [key]

    _, _, _, name, value, *_ = shlex.split(said[key].splitlines()[-1])
    assert name == key
    assert problems({**changes, key: value}) == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("userstream:apiCertificateArn", "11111111-2222-3333-4444-555555555555"),
        # CloudFront reads it in us-east-1 alone.
        ("userstream:websiteCertificateArn", CERTIFICATE),
    ],
)
def test_a_certificate_of_the_wrong_form_is_named(key: str, value: str) -> None:
    website = {"userstream:websiteDomain": "www.example.com", "userstream:websiteHostedZoneId": ZONE}
    said = problems({**PAGE, **API_DOMAIN, **website, key: value})

    assert list(said) == [key]
    assert f"is {value!r}: must be the ARN of a certificate in ACM" in said[key]


def test_a_domain_of_64_characters_with_a_certificate_or_a_zone_is_accepted() -> None:
    domain = {"userstream:apiDomain": f"{'a' * 52}.example.com"}

    assert problems({**domain, "userstream:apiHostedZoneId": ZONE}) == {}
    assert problems({**domain, "userstream:apiCertificateArn": CERTIFICATE}) == {}
    assert problems({**domain, "userstream:apiCertificateArn": CERTIFICATE, "userstream:apiHostedZoneId": ZONE}) == {}


def test_a_limit_per_client_needs_the_throttle_that_bounds_those_who_go_around_it() -> None:
    said = problems({**PAGE, "userstream:registrationsPerClient": "100"})

    assert list(said) == ["userstream:registerThrottleRatePerSecond"]
    assert "goes around CloudFront" in said["userstream:registerThrottleRatePerSecond"]
    assert problems({**PAGE, **REGISTER_THROTTLE, "userstream:registrationsPerClient": "100"}) == {}


def test_a_page_for_links_needs_answers_that_send_some() -> None:
    said = problems({"userstream:confirmationPage": "https://app.example.com/confirm"})

    assert list(said) == ["userstream:registrationAnswers"]
    assert "which is for it alone" in said["userstream:registrationAnswers"]


def test_every_constraint_has_a_case() -> None:
    assert len(CONSTRAINTS) == 31


def test_a_broken_constraint_is_reported_along_with_wrong_values() -> None:
    said = problems({"userstream:iteratorAgeAlarmSeconds": "40000", "userstream:streamBatchSize": "0"})

    assert set(said) == {"userstream:iteratorAgeAlarmSeconds", "userstream:streamBatchSize"}


@pytest.mark.parametrize("name", ["Dev", "dev_1", "1dev", "dev-", "de--v", "", "d" * 21, "organization/dev"])
def test_a_stack_name_that_cannot_be_part_of_a_resource_s_is_refused(name: str) -> None:
    assert "must be up to 20 lower-case letters" in problems({}, environment=name)["the stack's name"]


@pytest.mark.parametrize("name", ["dev", "d", "prod-eu2", "d" * 20])
def test_a_valid_stack_name_is_accepted(name: str) -> None:
    assert problems({}, environment=name) == {}


def test_a_secret_is_not_shown() -> None:
    config = {**DEV, "userstream:alarmEmail": "hidden", "userstream:token": "hidden"}

    with pytest.raises(SettingsError) as raised:
        load_settings("dev", config, {"userstream:alarmEmail", "userstream:token"})

    assert "hidden" not in str(raised.value)
    assert str(raised.value).count("is [secret]") == 2


@pytest.mark.parametrize("alias", sorted(FIELDS))
def test_every_setting_has_a_description_and_allowed_values(alias: str) -> None:
    description = FIELDS[alias].description or ""

    assert description.endswith(".")
    assert allowed_values(FIELDS[alias])
    assert description.startswith("Optional. ") == (type(None) in get_args(FIELDS[alias].annotation))
