"""Who may import whom: import-linter's contracts in pyproject.toml, and what they can't express."""

import subprocess
import sys
import tomllib
from pathlib import Path

import grimp

PROJECT_ROOT = Path(__file__).parents[3]
PACKAGES: list[str] = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "root_packages"
]


def third_parties_of_functions(*, type_checking: bool) -> set[str]:
    graph = grimp.build_graph(
        "functions",
        include_external_packages=True,
        exclude_type_checking_imports=not type_checking,
        cache_dir=None,
    )
    tops = {name.partition(".")[0] for name in graph.modules}
    return tops - set(sys.stdlib_module_names) - {"functions"}


def test_every_contract_of_import_linter_is_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [linter, "--no-logo", "--no-cache"], cwd=PROJECT_ROOT, check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_contracts_cover_every_package_of_the_project() -> None:
    packages = {path.parent.name for path in PROJECT_ROOT.glob("[a-z]*/__init__.py")}
    assert packages | {"tests", "examples"} == set(PACKAGES)


def test_functions_import_only_what_their_zip_or_the_runtime_has() -> None:
    # botocore comes with Lambda's runtime, the others in the zip of a function that imports them.
    assert third_parties_of_functions(type_checking=False) == {"botocore", "idna", "precis_i18n", "pydantic_core"}


def test_functions_import_stubs_for_the_type_checker_alone() -> None:
    stubs = third_parties_of_functions(type_checking=True) - third_parties_of_functions(type_checking=False)
    assert {stub for stub in stubs if not stub.startswith("types_boto3_")} == set()


def test_no_function_imports_another_and_what_they_share_imports_no_function() -> None:
    folders = {path.parent.name for path in PROJECT_ROOT.glob("functions/*/__init__.py")}
    functions = {path.parent.name for path in PROJECT_ROOT.glob("functions/*/handler.py")}
    graph = grimp.build_graph("functions", cache_dir=None)
    imports = {
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if importer.count(".") and imported.count(".")
    }
    assert {(importer, imported) for importer, imported in imports if imported in functions - {importer}} == set()
    # The contract in pyproject.toml orders what they share.
    shared = {name for layer in _layers_of("functions") for name in layer.split(" : ")}
    assert shared == folders - functions


def _layers_of(container: str) -> list[str]:
    contracts = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return next(contract["layers"] for contract in contracts if contract.get("containers") == [container])
