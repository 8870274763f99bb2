"""The names of what exists once per account, and of buckets."""

from itertools import groupby

import botocore.session
from hypothesis import given
from hypothesis import strategies as st

from infra import naming

REGIONS = {
    region: partition
    for partition in botocore.session.get_session().get_available_partitions()
    for service in ("dynamodb",)
    for region in botocore.session.get_session().get_available_regions(service, partition)
}
"""Every region that botocore knows, with its partition."""

ENVIRONMENTS = st.from_regex(naming.ENVIRONMENT_PATTERN, fullmatch=True).filter(naming.is_environment_name)


def test_regions_of_a_partition_have_different_codes() -> None:
    codes = sorted((partition, naming.region_code(region)) for region, partition in REGIONS.items())

    assert len(REGIONS) > 30
    assert [code for code, same in groupby(codes) if len(list(same)) > 1] == []


def test_codes_are_those_of_availability_zone_ids() -> None:
    zones = {"eu-west-1": "euw1", "us-east-1": "use1", "ap-northeast-1": "apne1", "ca-central-1": "cac1"}

    assert {region: naming.region_code(region) for region in zones} == zones


@given(environment=ENVIRONMENTS, region=st.sampled_from(sorted(REGIONS)))
def test_a_bucket_s_name_is_one_that_s3_takes(environment: str, region: str) -> None:
    name = naming.bucket_name("failures", environment, region, "123456789012")

    assert len(name) <= 63, "S3 user guide, general purpose bucket naming rules"
    assert name.startswith("userstream-failures-")
    assert environment in name


@given(environment=ENVIRONMENTS, first=st.sampled_from(sorted(REGIONS)), second=st.sampled_from(sorted(REGIONS)))
def test_two_regions_of_an_account_share_no_name(environment: str, first: str, second: str) -> None:
    def names(region: str) -> set[str]:
        return {
            naming.global_name("RegisterUserFunction", environment, region),
            naming.bucket_name("website", environment, region, "123456789012"),
        }

    if REGIONS[first] == REGIONS[second]:
        assert names(first).isdisjoint(names(second)) == (first != second)
