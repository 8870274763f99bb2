"""docs/openapi.json passes other people's linter, and breaks no client of the last release."""

import json
from pathlib import Path
from typing import Any

import pytest

from contract.files import DOCS
from contract.openapi import openapi_document
from tests.support.programs import CLIENTS, require, run

DOCUMENT = DOCS / "openapi.json"
RELEASED = DOCS / "released" / "openapi.json"


def major(document: dict[str, Any]) -> int:
    return int(document["info"]["version"].partition(".")[0])


def breaking_changes(before: Path, after: Path) -> list[str]:
    """Return what oasdiff finds that breaks clients of the document before."""
    require("go")
    found = run("go", "tool", "oasdiff", "breaking", before, after, "--format", "json", cwd=CLIENTS / "oasdiff")
    return [f"{each['operation']} {each['path']}: {each['text']}" for each in json.loads(found or "[]")]


def test_redocly_finds_nothing_to_say(typescript: Path) -> None:
    command = [typescript / "node_modules" / ".bin" / "redocly", "lint", DOCUMENT, "--format", "json"]
    report = json.loads(run(*command, cwd=typescript))

    assert report["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}, report["problems"]


def test_no_client_of_the_last_release_is_broken() -> None:
    released, current = json.loads(RELEASED.read_text(encoding="utf-8")), openapi_document()
    if major(current) > major(released):
        return  # A new major version may break them; docs/consuming-outputs.md says how one is released.

    assert breaking_changes(RELEASED, DOCUMENT) == [], (
        "this breaks clients of the last release: change it back, or raise the major VERSION in contract/openapi.py"
    )


@pytest.mark.parametrize(
    "broken", ["a new required field", "a member is gone", "an operation is gone", "a parameter is required now"]
)
def test_a_breaking_change_is_found(broken: str, tmp_path: Path) -> None:
    document = openapi_document()
    schemas, paths = document["components"]["schemas"], document["paths"]
    match broken:
        case "a new required field":
            schemas["Registration"]["properties"]["country"] = {"type": "string"}
            schemas["Registration"]["required"].append("country")
        case "a member is gone":
            del schemas["User"]["properties"]["version"]
            schemas["User"]["required"].remove("version")
        case "an operation is gone":
            del paths["/users/{userId}"]["delete"]
        case _:
            paths["/users/{userId}"]["patch"]["parameters"][0] = {
                **paths["/users/{userId}"]["patch"]["parameters"][0],
                "required": True,
            }
    after = tmp_path / "openapi.json"
    after.write_text(json.dumps(document), encoding="utf-8")

    assert breaking_changes(DOCUMENT, after)


def test_what_every_client_understands_is_no_breaking_change(tmp_path: Path) -> None:
    document = openapi_document()
    document["components"]["schemas"]["User"]["properties"]["country"] = {"type": "string"}
    document["components"]["schemas"]["Registration"]["properties"]["country"] = {"type": "string"}
    after = tmp_path / "openapi.json"
    after.write_text(json.dumps(document), encoding="utf-8")

    assert breaking_changes(DOCUMENT, after) == []
