"""Domains and the limit per client by the real engine: a preview, an update, and changes."""

import json
from collections.abc import Generator

import pytest

from guardrails import resource as types
from local.aws_clients import Clients
from local.engine.cli import POLICY_PACK
from tests.engine.conftest import ON_THE_EMULATOR, emulator_account
from tests.support.engine.engine_stack import Deployed, EngineStack, bring_up, engine_workspace

VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
HEADERS = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
CONFIG = "aws:s3/bucketObjectv2:BucketObjectv2 config.json"
ADDED = {types.CERTIFICATE, VALIDATION, types.RECORD, types.API_DOMAIN, types.API_MAPPING, types.WEB_ACL}
PLAIN = {**ON_THE_EMULATOR, "userstream:websiteEnabled": "true"}
LIMIT = "userstream:registrationsPerClient"


def edge_settings(zone: str) -> dict[str, str]:
    return {
        **PLAIN,
        "userstream:apiDomain": "api.example.com",
        "userstream:apiHostedZoneId": zone,
        "userstream:websiteDomain": "www.example.com",
        "userstream:websiteHostedZoneId": zone,
        "userstream:registerThrottleRatePerSecond": "5",
        "userstream:registerThrottleBurst": "10",
        LIMIT: "100",
    }


@pytest.fixture(scope="module")
def own_account(account: Clients, tmp_path_factory: pytest.TempPathFactory) -> Generator[Clients]:
    """An account of this module's own, because its stack has dev's names."""
    assert account, "it skips without the CLI"
    with emulator_account(tmp_path_factory.mktemp("edge-emulator")) as clients:
        yield clients


@pytest.fixture(scope="module")
def zone(own_account: Clients) -> str:
    created = own_account.route53.create_hosted_zone(Name="example.com", CallerReference="test")
    return created["HostedZone"]["Id"].rpartition("/")[2]


@pytest.fixture(scope="module")
def stack(own_account: Clients, zone: str, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """A stack that came up without any of it, and now has all of it."""
    workspace = engine_workspace(tmp_path_factory.mktemp("edge"), own_account)
    plain = bring_up(workspace, "dev", PLAIN)
    steps = EngineStack(workspace=workspace, name="dev", settings=edge_settings(zone)).up()

    assert "replace" not in set(steps.changes.values())
    return Deployed(
        workspace=workspace,
        name="dev",
        settings=edge_settings(zone),
        first=steps,
        outputs=plain.outputs.model_validate(steps.outputs),
    )


def test_a_first_preview_creates_all_of_it_by_the_rules(empty_prod: EngineStack) -> None:
    settings = edge_settings("Z0123456789ABCDEFGHIJ") | {"userstream:requireTls": "true"}

    steps = empty_prod.preview(settings=settings, policy_packs=[str(POLICY_PACK)])

    assert steps.broken_rules == []
    assert set(steps.changes.values()) == {"create"}
    assert {name.partition(" ")[0] for name in steps.changes} >= ADDED


def test_the_settings_change_a_running_stack_in_place(stack: Deployed) -> None:
    changed = {name: what for name, what in stack.first.of_resources().items() if what != "create"}

    assert changed == dict.fromkeys(
        {
            f"{types.API} api",
            f"{types.STAGE} default",
            f"{types.DISTRIBUTION} website",
            f"{HEADERS} website",
            CONFIG,
        },
        "update",
    )
    assert {name.partition(" ")[0] for name, what in stack.first.of_resources().items() if what == "create"} == ADDED


def test_the_outputs_are_the_domains(stack: Deployed) -> None:
    outputs = stack.outputs

    assert (outputs.api_url, outputs.website_url) == ("https://api.example.com", "https://www.example.com")
    assert ".execute-api." in str(outputs.api_domain_target)
    assert str(outputs.website_domain_target).endswith(".cloudfront.net")


def own_address_is_off(account: Clients) -> bool | None:
    (api,) = account.apigatewayv2.get_apis()["Items"]
    return api.get("DisableExecuteApiEndpoint")


def test_the_domains_are_the_only_addresses_and_take_tls_1_2(stack: Deployed, own_account: Clients) -> None:
    domain = own_account.apigatewayv2.get_domain_name(DomainName="api.example.com")
    (configuration,) = domain.get("DomainNameConfigurations", [])
    (distribution,) = own_account.cloudfront.list_distributions()["DistributionList"].get("Items", [])

    assert own_address_is_off(own_account)
    assert ".execute-api." not in json.dumps(stack.outputs.model_dump(exclude={"api_domain_target"}))
    assert configuration.get("SecurityPolicy") == "TLS_1_2"
    assert distribution["ViewerCertificate"].get("MinimumProtocolVersion") == "TLSv1.2_2021"


def test_the_zone_has_the_records_and_the_account_the_limit(stack: Deployed, own_account: Clients, zone: str) -> None:
    found = own_account.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    (acl,) = own_account.in_region("us-east-1").wafv2.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]
    distribution = own_account.cloudfront.list_distributions()["DistributionList"].get("Items", [])[0]

    assert stack.outputs
    assert {("api.example.com.", "A"), ("www.example.com.", "A"), ("www.example.com.", "AAAA")} <= {
        (each["Name"], each["Type"]) for each in found
    }
    assert (
        own_account.cloudfront.get_distribution_config(Id=distribution["Id"])["DistributionConfig"].get("WebACLId")
        == acl["ARN"]
    )


def test_nothing_changes_without_a_change_also_after_a_refresh(stack: Deployed) -> None:
    assert stack.preview().of_resources() == {}
    stack.refresh()
    assert stack.preview().of_resources() == {}


def test_another_limit_changes_the_web_acl_alone(stack: Deployed) -> None:
    assert stack.preview(settings={LIMIT: "50"}).of_resources() == {f"{types.WEB_ACL} website": "update"}


def test_unsetting_all_of_it_takes_it_away_again(stack: Deployed, own_account: Clients) -> None:
    back = EngineStack(workspace=stack.workspace, name="dev", settings=PLAIN)

    steps = back.up()

    deleted = {name.partition(" ")[0] for name, what in steps.of_resources().items() if what == "delete"}
    assert deleted == ADDED
    assert steps.outputs["apiUrl"].startswith("http://127.0.0.1:")
    assert not own_address_is_off(own_account)
    back.destroy()
