import json
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from contract.files import contract_files
from contract.openapi import openapi_document
from functions.users.attributes import ATTRIBUTES


@pytest.mark.parametrize("path", list(contract_files()), ids=lambda path: path.name)
def test_the_committed_contract_matches_the_models(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == contract_files()[path], (
        "run `python -m contract` and commit what it writes"
    )


def test_the_document_is_valid_openapi() -> None:
    # The validator compiles patterns with Python's re, which lacks the \p{..} of JSON Schema's
    # ECMA-262.
    text = json.dumps(openapi_document()).replace(r"\\p{L}\\p{Nd}", r"\\w")
    validate(json.loads(text), cls=OpenAPIV31SpecValidator)


def test_the_requests_have_the_fields_that_the_validators_take() -> None:
    schemas = openapi_document()["components"]["schemas"]
    for name in ("Registration", "UserChanges"):
        assert list(schemas[name]["properties"]) == [each.name for each in ATTRIBUTES if each.accepted]
        assert schemas[name]["additionalProperties"] is False


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
