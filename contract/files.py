"""The contract's files in docs/, and the content that the models give them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from contract.declarations import check_declarations
from contract.event_compatibility import breaking_changes
from contract.events import EVENTS, event_schema
from contract.openapi import openapi_document
from contract.typescript import typescript_interface
from functions.publish_user_events.user_event import SCHEMA_VERSION
from functions.users.attributes import ATTRIBUTES, Attribute
from infra.naming import PROJECT_ROOT
from infra.outputs import StackOutputs
from infra.site_config import SiteConfig

DOCS = PROJECT_ROOT / "docs"
EVENT_SCHEMAS = DOCS / "events"
DATA_PAGE = DOCS / "data.md"
OUTPUTS_PAGE = DOCS / "consuming-outputs.md"

_GENERATED = "// Made by `python -m contract` from {sources}. Copy it, don't edit it.\n"
_ATTRIBUTES_HEAD = "| attribute | personal | unique: found by `GET /users?` |\n| --- | --- | --- |\n"
_TABLE_HEAD = "| Output | What it is |\n| --- | --- |\n"


def contract_files(attributes: Sequence[Attribute] = ATTRIBUTES) -> dict[Path, str]:
    """Return each file of the contract with its content.

    Raises:
        DeclarationError: an attribute is declared in a way that can't work.
    """
    check_declarations(attributes)
    document = openapi_document(attributes)
    outputs = _with_definitions(StackOutputs) | _with_definitions(SiteConfig)
    return {
        DOCS / "openapi.json": _pretty(document),
        DOCS / "api.d.ts": _typescript("docs/openapi.json", document["components"]["schemas"]),
        DOCS / "stack-outputs.d.ts": _typescript("infra/outputs.py and infra/site_config.py", outputs),
        **{
            EVENT_SCHEMAS / f"{event.__name__}-v{SCHEMA_VERSION}.json": _pretty(event_schema(event)) for event in EVENTS
        },
        DATA_PAGE: with_attributes_table(DATA_PAGE.read_text(encoding="utf-8"), attributes),
        OUTPUTS_PAGE: with_outputs_table(OUTPUTS_PAGE.read_text(encoding="utf-8")),
    }


def _with_definitions(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    return {**schema.pop("$defs", {}), model.__name__: schema}


def _typescript(sources: str, schemas: Mapping[str, Any]) -> str:
    interfaces = [typescript_interface(name, schema) for name, schema in schemas.items()]
    return "\n".join([_GENERATED.format(sources=sources), *interfaces])


def _pretty(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def broken_promises(files: Mapping[Path, str]) -> list[str]:
    """Return what keeps new contents of event schemas from replacing the released ones, if any."""
    return [
        f"{path.relative_to(PROJECT_ROOT)}: {change}. That breaks subscribers, so raise SCHEMA_VERSION in "
        "functions/publish_user_events/user_event.py (docs/events.md, Schema versions)."
        for path, text in files.items()
        if path.parent == EVENT_SCHEMAS and path.exists()
        for change in breaking_changes(json.loads(path.read_text(encoding="utf-8")), json.loads(text))
    ]


def with_outputs_table(page: str) -> str:
    """Return the page with its table of the stack outputs generated again."""
    fields = StackOutputs.model_fields.items()
    return _with_rows(
        page, _TABLE_HEAD, [f"| `{field.alias or name}` | {field.description} |" for name, field in fields]
    )


def with_attributes_table(page: str, attributes: Sequence[Attribute]) -> str:
    """Return the page with its table of a user's attributes generated again."""
    return _with_rows(
        page,
        _ATTRIBUTES_HEAD,
        [
            f"| `{each.name}` | {'yes' if each.personal else 'no'} | "
            f"{f'yes, {each.unique.words}'.removesuffix(', ') if each.unique else 'no'} |"
            for each in attributes
        ],
    )


def _with_rows(page: str, head: str, rows: Sequence[str]) -> str:
    before, _, rest = page.partition(head)
    _, _, after = rest.partition("\n\n")
    return "".join([before, head, *(f"{row}\n" for row in rows), "\n", after])
