"""For any valid settings the program runs and the stack keeps its invariants."""

import json

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from infra import naming
from infra.outputs import StackOutputs
from infra.settings.check import SettingsError, config_key, load_settings
from infra.settings.model import StackSettings
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import record

pytestmark = pytest.mark.stack


def values() -> dict[str, st.SearchStrategy[str]]:
    """Return a strategy for the text of each number and switch of the model, by key."""
    strategies: dict[str, st.SearchStrategy[str]] = {}
    for alias, schema in StackSettings.model_json_schema()["properties"].items():
        kinds = [schema, *schema.get("anyOf", [])]
        if any(kind.get("type") == "boolean" for kind in kinds):
            strategies[config_key(alias)] = st.sampled_from(["true", "false"])
        for kind in kinds:
            if "minimum" in kind:
                strategies[config_key(alias)] = st.integers(kind["minimum"], kind["maximum"]).map(str)
            if "enum" in kind and kind.get("type") == "integer":
                strategies[config_key(alias)] = st.sampled_from(kind["enum"]).map(str)
    strategies["userstream:environment"] = st.from_regex(naming.ENVIRONMENT_PATTERN, fullmatch=True).filter(
        naming.is_environment_name
    )
    strategies["userstream:usersTableName"] = st.from_regex(r"[A-Za-z0-9_.-]{3,255}", fullmatch=True)
    return strategies


ZONE = "Z0123456789ABCDEFGHIJ"
API_DOMAIN = {"userstream:apiDomain": "api.example.com", "userstream:apiHostedZoneId": ZONE}
PAGE_DOMAIN = {"userstream:websiteDomain": "www.example.com", "userstream:websiteHostedZoneId": ZONE}

DOMAINS = st.sampled_from([{}, API_DOMAIN, PAGE_DOMAIN, {**API_DOMAIN, **PAGE_DOMAIN}])


def config_of(changes: dict[str, str], domains: dict[str, str]) -> dict[str, str]:
    needs_page = domains or "userstream:registrationsPerClient" in changes
    return {
        **own_config("dev"),
        **changes,
        **domains,
        **({"userstream:websiteEnabled": "true"} if needs_page else {}),
        # The other settings don't change the zips, and those for the host are built faster.
        "userstream:functionPlatform": "host",
    }


CONFIGS = st.builds(config_of, st.fixed_dictionaries({}, optional=values()), DOMAINS)


# Few examples, because each runs the whole program.
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(config=CONFIGS)
def test_every_valid_stack_keeps_its_invariants(config: dict[str, str]) -> None:
    try:
        stack_settings = load_settings("any", config)
    except SettingsError:
        assume(condition=False)
        return
    stack = record("any", config=config)

    StackOutputs.model_validate(stack.outputs)
    mapping = stack.only("aws:lambda/eventSourceMapping:EventSourceMapping", "users-stream").inputs
    assert mapping["bisectBatchOnFunctionError"] is True
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["destinationConfig"]["onFailure"]["destinationArn"]
    assert mapping["maximumRecordAgeInSeconds"] <= 12 * 60 * 60
    queue = stack.only("aws:sqs/queue:Queue", "failure-queue").inputs
    rescue = stack.only("aws:lambda/function:Function", "rescue-failed-batches").inputs
    assert 6 * rescue["timeout"] <= queue["visibilityTimeoutSeconds"] <= 12 * 60 * 60, "SQS's longest is 12 hours"
    cors = stack.only("aws:apigatewayv2/api:Api", "api").inputs["corsConfiguration"]
    registers_at_its_own_origin = stack_settings.registrations_per_client is not None
    assert ("websiteUrl" in stack.outputs) == stack_settings.website_enabled
    called_across_origins = set[str]() if registers_at_its_own_origin else site(stack.outputs)
    assert set(cors["allowOrigins"]) == {*stack_settings.cors_allowed_origins, *called_across_origins}
    if stack_settings.api_domain is not None:
        assert stack.outputs["apiUrl"] == f"https://{stack_settings.api_domain}"
    if stack_settings.website_domain is not None:
        assert stack.outputs["websiteUrl"] == f"https://{stack_settings.website_domain}"
    for resource in stack.resources:
        if "policy" in resource.inputs:
            assert len(json.dumps(resource.json("policy"))) < 10_240, "IAM's limit for a role's inline policies"


def site(outputs: dict[str, str]) -> set[str]:
    return {outputs["websiteUrl"]} if "websiteUrl" in outputs else set()
