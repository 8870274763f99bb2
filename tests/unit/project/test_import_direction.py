"""Who may know whom in functions/: handler -> logic -> store, and nothing there knows who deploys, runs or operates it.

The sources are read, not imported, so an import inside a function or under TYPE_CHECKING counts too.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[3]
PROJECT = {"functions", "infra", "local", "ops", "tests", "benchmarks"}

# What stands between a handler and a store: plain functions on plain values.
LOGIC = (
    "functions.users.service",
    "functions.users.user",
    "functions.users.fields",
    "functions.users.service",
    "functions.users.user",
    "functions.users.user",
    "functions.users.user",
    "functions.stream_records",
    "functions.activity.items",
    "functions.activity.items",
    "functions.dead_letters.envelope",
    "functions.dead_letters.envelope",
    "functions.dead_letters.envelope",
    "functions.runtime.invocation",
    "functions.runtime.json_log",
    "functions.runtime.json_log",
)
# The logic of the two stream functions, which stands beside their handlers.
STREAM_LOGIC = (
    "functions.log_user_changes.batch",
    "functions.log_user_changes.batch",
    "functions.rescue_failed_batches.failure_document",
    "functions.rescue_failed_batches.rescue",
    "functions.rescue_failed_batches.rescue",
)
STREAM_STORES_AND_HANDLERS = (
    "functions.activity.table",
    "functions.dead_letters.queue",
    "functions.rescue_failed_batches.shard_reader",
    "functions.runtime.aws",
    "functions.log_user_changes.handler",
    "functions.rescue_failed_batches.handler",
)
HTTP = ("functions.http_api",)
HANDLERS = (
    "functions.register_user",
    "functions.manage_users",
    "functions.log_user_changes",
    "functions.rescue_failed_batches",
)
AWS = ("boto3", "botocore", "functions.runtime.aws", "types_boto3_dynamodb")

# botocore comes with Lambda's runtime, pydantic-core in the zip of a function that names it; the rest is for the type
# checker alone.
THIRD_PARTY = {
    "botocore",
    "pydantic_core",
    "types_boto3_dynamodb",
    "types_boto3_dynamodbstreams",
    "types_boto3_s3",
    "types_boto3_sqs",
}


class Module(NamedTuple):
    """A module and what it imports, by full name."""

    name: str
    imports: frozenset[str]


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute, so that a reader sees where they go"
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, frozenset(imported(ast.parse(path.read_text()))))


MODULES = [module(path) for path in sorted((ROOT / "functions").rglob("*.py"))]


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def forbidden(importer: Module, packages: tuple[str, ...]) -> list[str]:
    return sorted(name for name in importer.imports if within(name, packages))


@pytest.mark.parametrize("importer", MODULES, ids=lambda importer: importer.name)
def test_functions_know_nobody_outside(importer: Module) -> None:
    assert not forbidden(importer, tuple(PROJECT - {"functions"}))


@pytest.mark.parametrize("importer", MODULES, ids=lambda importer: importer.name)
def test_functions_import_only_what_their_zip_or_the_runtime_has(importer: Module) -> None:
    tops = {name.partition(".")[0] for name in importer.imports}
    assert tops - set(sys.stdlib_module_names) - PROJECT - {"__future__"} <= THIRD_PARTY


@pytest.mark.parametrize("importer", [each for each in MODULES if within(each.name, LOGIC)], ids=lambda each: each.name)
def test_logic_knows_neither_aws_nor_http_nor_handlers(importer: Module) -> None:
    assert not forbidden(
        importer, (*AWS, *HTTP, *HANDLERS, "functions.users.dynamodb_store", "functions.users.transaction")
    )


@pytest.mark.parametrize(
    "importer", [each for each in MODULES if within(each.name, STREAM_LOGIC)], ids=lambda each: each.name
)
def test_stream_logic_knows_neither_aws_nor_stores_nor_handlers(importer: Module) -> None:
    assert not forbidden(importer, (*AWS, *HTTP, *STREAM_STORES_AND_HANDLERS))


@pytest.mark.parametrize("importer", [each for each in MODULES if within(each.name, HTTP)], ids=lambda each: each.name)
def test_the_http_side_knows_neither_aws_nor_handlers(importer: Module) -> None:
    assert not forbidden(importer, (*AWS, *HANDLERS))


@pytest.mark.parametrize("importer", MODULES, ids=lambda importer: importer.name)
def test_no_function_knows_another(importer: Module) -> None:
    own = tuple(package for package in HANDLERS if within(importer.name, (package,)))
    assert not forbidden(importer, tuple(package for package in HANDLERS if package not in own))


def test_the_packages_named_here_are_there() -> None:
    named = (*LOGIC, *STREAM_LOGIC, *STREAM_STORES_AND_HANDLERS, *HTTP, *HANDLERS)
    names = {each.name for each in MODULES}
    assert all(any(within(name, (package,)) for name in names) for package in named)
