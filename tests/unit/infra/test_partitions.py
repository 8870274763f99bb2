"""Regions and domains of every partition."""

import json
import re

import botocore.session
import pytest
from botocore.loaders import Loader

from infra.components.monitoring import dashboard_url
from infra.naming import REGION_MAXIMUM_LENGTH, region_code
from infra.partitions import console_host, dns_suffix, regions


def test_regions_are_those_of_every_partition_of_botocore() -> None:
    session = botocore.session.get_session()

    for partition in session.get_available_partitions():
        assert set(session.get_available_regions("dynamodb", partition)) - {"local"} <= set(regions())
    assert not [region for region in regions() if "global" in region]
    assert {"eusc-de-east-1", "us-gov-west-1", "cn-north-1", "eu-west-1"} <= set(regions())


@pytest.mark.parametrize("region", regions())
def test_every_region_fits_into_the_names(region: str) -> None:
    assert len(region) <= REGION_MAXIMUM_LENGTH
    assert re.fullmatch(r"[a-z0-9]{3,8}", region_code(region))


@pytest.mark.parametrize("region", regions())
def test_the_console_is_where_botocore_signs_in(region: str) -> None:
    rules = json.dumps(Loader().load_service_model("signin", "endpoint-rule-set-1"))
    domain = console_host(region).removeprefix(f"{region}.console.")

    assert f"https://{{Region}}.signin.{domain}" in rules
    assert dashboard_url(region, "A b").startswith(
        f"https://{region}.console.{domain}/cloudwatch/home?region={region}#"
    )


@pytest.mark.parametrize("region", regions())
def test_endpoints_are_botocore_s(region: str) -> None:
    client = botocore.session.get_session().create_client(
        "apigatewayv2", region_name=region, aws_access_key_id="key", aws_secret_access_key="secret"
    )
    assert client.meta.endpoint_url == f"https://apigateway.{region}.{dns_suffix(region)}"
