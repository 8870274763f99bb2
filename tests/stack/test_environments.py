"""Environments differ by their settings alone, and can share an account."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from infra.naming import PROJECT_ROOT
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import RecordedStack, record

STACKS = ["dev", "prod", "local"]

PHYSICAL_NAMES = ("name", "bucket", "dashboardName")
SERVICES_WITHOUT_OWN_NAMES = {"Stage", "Integration", "Alias"}
"""Their names are unique only within their API or function."""


def physical_names(stack: RecordedStack) -> set[tuple[str, str]]:
    """Return type and name of everything whose name is unique in the account."""
    return {
        (resource.type, resource.inputs[key])
        for resource in stack.resources
        if resource.type.split(":")[-1] not in SERVICES_WITHOUT_OWN_NAMES
        for key in PHYSICAL_NAMES
        if key in resource.inputs
    }


def test_two_environments_have_no_physical_name_in_common() -> None:
    dev, prod, local = (physical_names(record(stack)) for stack in STACKS)

    assert not dev & prod
    assert not dev & local
    assert not prod & local


@pytest.mark.parametrize("stack", STACKS)
def test_every_physical_name_contains_its_environment(stack: str) -> None:
    for resource_type, name in physical_names(record(stack)):
        assert stack in name.removesuffix(".fifo").replace("/", "-").split("-"), f"{resource_type} {name}"


def test_the_same_settings_make_the_same_stack_under_any_name() -> None:
    config = own_config("prod")

    assert shape(record("prod", config=config), "prod") == shape(record("canary", config=config), "canary")


def shape(stack: RecordedStack, name: str) -> dict[str, Any]:
    """Return everything about a stack except its name."""
    return {
        resource.urn.replace(f":{name}:", ":*:"): json.dumps(resource.inputs, default=lambda file: file.path).replace(
            name, "*"
        )
        for resource in stack.resources
    }


SOURCES = [
    PROJECT_ROOT / "__main__.py",
    *sorted((PROJECT_ROOT / "infra").rglob("*.py")),
    *sorted((PROJECT_ROOT / "functions").rglob("*.py")),
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_no_code_compares_the_environment_s_name(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare | ast.Match)]
    constants = {
        constant.value for node in compared for constant in ast.walk(node) if isinstance(constant, ast.Constant)
    }

    assert not constants & {"dev", "prod", "local", "staging", "production"}


def test_prod_differs_from_dev_in_protection_retention_and_privacy() -> None:
    dev, prod = own_config("dev"), own_config("prod")
    different = {key.removeprefix("userstream:"): (dev[key], prod[key]) for key in dev if dev[key] != prod.get(key)}

    assert different["deletionProtection"] == ("false", "true")
    assert different["pointInTimeRecovery"] == ("false", "true")
    assert different["protectResources"] == ("false", "true")
    assert different["maskPersonalData"] == ("false", "true")
    assert int(prod["userstream:logRetentionDays"]) > int(dev["userstream:logRetentionDays"])
    assert int(prod["userstream:activityRetentionDays"]) > int(dev["userstream:activityRetentionDays"])
