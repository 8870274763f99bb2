"""AWS's partitions: their regions and domains, as botocore knows them.

Pulumi isn't imported here, nor botocore's loader, which brings botocore's HTTP client with it.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

_CONSOLES = {
    "aws": "aws.amazon.com",
    "aws-cn": "amazonaws.cn",
    "aws-eusc": "amazonaws-eusc.eu",
    "aws-iso": "c2shome.ic.gov",
    "aws-iso-b": "sc2shome.sgov.gov",
    "aws-iso-e": "csphome.adc-e.uk",
    "aws-iso-f": "csphome.hci.ic.gov",
    "aws-us-gov": "amazonaws-us-gov.com",
}
"""Domain of each partition's console, which sign-in has too. Source: botocore's endpoint rules of
AWS Sign-In."""


@cache
def _partitions() -> dict[str, Any]:
    """Return each region's partition, as botocore's partitions.json has it."""
    document: Any = json.loads(files("botocore").joinpath("data", "partitions.json").read_bytes())
    return {
        region: partition
        for partition in document["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")  # an endpoint of its own for services without regions
    }


def regions() -> tuple[str, ...]:
    """Return every region of every partition, in order."""
    return tuple(sorted(_partitions()))


def dns_suffix(region: str) -> str:
    """Return the domain of a region's endpoints, for example `amazonaws.com.cn` in China."""
    return _partitions()[region]["outputs"]["dnsSuffix"]


def console_host(region: str) -> str:
    """Return the host of the AWS console for a region."""
    return f"{region}.console.{_CONSOLES[_partitions()[region]['id']]}"
