"""The contract's files in docs/, and what belongs in each."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from contract.openapi import openapi_document
from infra.naming import PROJECT_ROOT
from infra.outputs import StackOutputs
from infra.site_config import SiteConfig

# A TypeScript interface from a flat pydantic model, so that a frontend elsewhere reads the stack
# outputs by type.

_PRIMITIVES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


class NotFlatError(TypeError):
    """The model has a field that is neither a primitive nor a union of primitives."""


def typescript_interface(model: type[BaseModel]) -> str:
    """Write a model as an exported TypeScript interface, its field descriptions as comments.

    Args:
        model: a pydantic model whose fields are strings, numbers, booleans, literals of strings, or null.

    Returns:
        The declaration, with the field names as the model serialises them.

    Raises:
        NotFlatError: A field is anything else.
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


DOCS = PROJECT_ROOT / "docs"

_GENERATED = "// Made by `python -m contract` from infra/outputs.py and infra/site_config.py. Copy it, don't edit it.\n"


def contract_files() -> dict[Path, str]:
    """Return each file of the contract with the content that the models give it now."""
    interfaces = [typescript_interface(model) for model in (StackOutputs, SiteConfig)]
    return {
        DOCS / "openapi.json": json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n",
        DOCS / "stack-outputs.d.ts": "\n".join([_GENERATED, *interfaces]),
    }


def write_contract_files() -> None:
    """Write every file of the contract."""
    for path, content in contract_files().items():
        path.write_text(content, encoding="utf-8")
