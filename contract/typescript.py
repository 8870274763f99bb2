"""JSON Schemas as TypeScript interfaces."""

import json
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_PRIMITIVES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


class UnsupportedSchemaError(TypeError):
    """A schema has a form for which no TypeScript is written here; the message names the member."""


def typescript_interface(name: str, schema: Schema) -> str:
    """Return an object's schema as an exported interface, its descriptions as comments.

    A member whose schema is a `$ref` has the type of that name. Raise `UnsupportedSchemaError` for
    a member that is no primitive, literal, list, map, reference or union of these.
    """
    required = set(schema.get("required", []))
    lines = [f"/** {_one_line(schema.get('description', name))} */", f"export interface {name} {{"]
    for member, its_schema in schema["properties"].items():
        if description := its_schema.get("description"):
            lines.append(f"  /** {_one_line(description)} */")
        lines.append(f"  readonly {member}{'' if member in required else '?'}: {_type(member, its_schema)};")
    if schema.get("additionalProperties") is True:
        lines.append("  readonly [name: string]: unknown;")
    return "\n".join([*lines, "}", ""])


def _type(member: str, schema: Schema) -> str:
    match schema:
        case {"$ref": str(reference)}:
            found = reference.rsplit("/", 1)[-1]
        case {"enum": _}:
            found = " | ".join(map(json.dumps, schema["enum"]))
        case {"const": _}:
            found = json.dumps(schema["const"])
        case {"anyOf": _}:
            found = " | ".join(dict.fromkeys(_type(member, option) for option in schema["anyOf"]))
        case {"type": "array", "items": _}:
            found = f"ReadonlyArray<{_type(member, schema['items'])}>"
        case {"type": "object", "additionalProperties": Mapping()}:
            found = f"Readonly<Record<string, {_type(member, schema['additionalProperties'])}>>"
        case {"type": str(kind)} if kind in _PRIMITIVES:
            found = _PRIMITIVES[kind]
        case _ if schema.keys() <= {"title", "description", "default"}:
            found = "unknown"
        case _:
            raise UnsupportedSchemaError(f"{member} is {dict(schema)}: write its TypeScript in contract/typescript.py")
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("*/", "* /")
