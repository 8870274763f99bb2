import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from contract.files import contract_files
from contract.openapi import openapi_document
from functions.users.attributes import ATTRIBUTES
from infra.naming import PROJECT_ROOT


@pytest.mark.parametrize("path", list(contract_files()), ids=lambda path: path.name)
def test_the_committed_contract_matches_the_models(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == contract_files()[path], (
        "run `python -m contract` and commit what it writes"
    )


def test_the_document_is_valid_openapi() -> None:
    # The validator compiles patterns with Python's re, which lacks the \p{..} of JSON Schema's
    # ECMA-262.
    text = re.sub(r"(\\\\p\{\w+\})+", r"\\\\w", json.dumps(openapi_document()))
    validate(json.loads(text), cls=OpenAPIV31SpecValidator)


def test_the_requests_have_the_fields_that_the_validators_take() -> None:
    schemas = openapi_document()["components"]["schemas"]
    for name in ("Registration", "UserChanges"):
        assert list(schemas[name]["properties"]) == [each.name for each in ATTRIBUTES if each.accepted]
        assert schemas[name]["additionalProperties"] is False


def test_an_answer_may_have_members_of_a_later_version_and_has_no_made_up_value() -> None:
    schemas = openapi_document()["components"]["schemas"]
    for name in schemas.keys() - {"Registration", "UserChanges", "Confirmation"}:
        assert "additionalProperties" not in schemas[name], name
        assert [member for member, schema in schemas[name]["properties"].items() if "default" in schema] == [], name


def test_every_operation_documents_throttling_and_overload() -> None:
    for path in openapi_document()["paths"].values():
        for method in path.keys() - {"parameters"}:
            assert {"429", "503"} <= path[method]["responses"].keys()


def test_a_status_that_api_gateway_uses_too_is_documented_in_both_forms() -> None:
    for path in openapi_document()["paths"].values():
        for method in path.keys() - {"parameters"}:
            responses = path[method]["responses"]
            for status in {"413", "500", "503"} & responses.keys():
                assert responses[status]["content"].keys() == {"application/problem+json", "application/json"}


def run_contract(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "contract", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=PROJECT_ROOT, check=False)


def test_the_document_of_a_stack_names_the_stack_s_address_and_differs_in_nothing_else(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs.json"
    outputs.write_text('{"environment": "prod", "apiUrl": "https://api.example.com"}', encoding="utf-8")
    generic = openapi_document()

    from_file, from_pipe = (
        run_contract("openapi", str(outputs)),
        run_contract("openapi", "-", stdin=outputs.read_text()),
    )

    assert json.loads(from_file.stdout) == generic | {"servers": [{"url": "https://api.example.com"}]}
    assert from_pipe.stdout == from_file.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("openapi", "missing.json"), "missing.json has no apiUrl; write it with `pulumi stack output --json"),
        (("openapi", "Pulumi.yaml"), "Pulumi.yaml has no apiUrl"),
        (("openapi",), "usage: python -m contract [openapi OUTPUTS.json]"),
    ],
)
def test_what_has_no_address_is_refused_with_what_to_do(arguments: tuple[str, ...], said: str) -> None:
    done = run_contract(*arguments)

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
