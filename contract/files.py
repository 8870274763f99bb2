"""The contract's files in docs/, and the content that the models give them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from contract.event_compatibility import breaking_changes
from contract.events import EVENTS, event_schema
from contract.openapi import openapi_document
from functions.publish_user_events.user_event import SCHEMA_VERSION
from infra.naming import PROJECT_ROOT
from infra.outputs import StackOutputs
from infra.site_config import SiteConfig

DOCS = PROJECT_ROOT / "docs"
EVENT_SCHEMAS = DOCS / "events"

_GENERATED = "// Made by `python -m contract` from infra/outputs.py and infra/site_config.py. Copy it, don't edit it.\n"
_PRIMITIVES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


class NotFlatError(TypeError):
    """A field of the model is neither a primitive nor a union of primitives."""


def typescript_interface(model: type[BaseModel]) -> str:
    """Return a model as an exported TypeScript interface, its field descriptions as comments.

    Raises:
        NotFlatError: a field is neither a string, a number, a boolean, a literal string nor null.
    """
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    required = set(schema.get("required", []))
    lines = [f"/** {_one_line(schema.get('description', model.__name__))} */", f"export interface {model.__name__} {{"]
    for name, field in schema["properties"].items():
        if description := field.get("description"):
            lines.append(f"  /** {_one_line(description)} */")
        lines.append(f"  readonly {name}{'' if name in required else '?'}: {_type(name, field)};")
    return "\n".join([*lines, "}", ""])


def _type(name: str, field: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(f'"{value}"' for value in field["enum"])
    if "const" in field:
        return f'"{field["const"]}"'
    if "anyOf" in field:
        return " | ".join(_type(name, option) for option in field["anyOf"])
    try:
        return _PRIMITIVES[field["type"]]
    except KeyError:
        raise NotFlatError(f"{name} is {field}: stack outputs are strings, numbers, booleans or null") from None


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("*/", "* /")


def contract_files() -> dict[Path, str]:
    """Return each file of the contract with its content."""
    interfaces = [typescript_interface(model) for model in (StackOutputs, SiteConfig)]
    return {
        DOCS / "openapi.json": _pretty(openapi_document()),
        DOCS / "stack-outputs.d.ts": "\n".join([_GENERATED, *interfaces]),
        **{
            EVENT_SCHEMAS / f"{event.__name__}-v{SCHEMA_VERSION}.json": _pretty(event_schema(event)) for event in EVENTS
        },
    }


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
