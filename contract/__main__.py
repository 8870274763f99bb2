"""`python -m contract`: write the documents of the contract in docs/ from the models.

It writes nothing if a declaration of an attribute can't work, or if a released schema of an event
would change in a way that breaks subscribers.

`python -m contract openapi outputs.json` prints the API's document with a stack's own address, from
what `pulumi stack output --json` wrote; `-` reads it from standard input.
"""

import json
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from contract.declarations import DeclarationError
from contract.files import broken_promises, contract_files
from contract.openapi import openapi_document

USAGE = "usage: python -m contract [openapi OUTPUTS.json]"


class _Address(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    api_url: str


def write_documents() -> None:
    """Write the documents in docs/."""
    try:
        files = contract_files()
    except DeclarationError as error:
        sys.exit(str(error))
    if promises := broken_promises(files):
        sys.exit("\n".join(promises))
    for path, content in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


def print_openapi(outputs: str) -> None:
    """Print the API's document for the stack whose outputs are in a file."""
    try:
        text = sys.stdin.read() if outputs == "-" else Path(outputs).read_text(encoding="utf-8")
        api_url = _Address.model_validate_json(text).api_url
    except (OSError, ValidationError) as error:
        sys.exit(f"{outputs} has no apiUrl; write it with `pulumi stack output --json > {outputs}`: {error}")
    sys.stdout.write(json.dumps(openapi_document(api_url=api_url), indent=2, ensure_ascii=False) + "\n")


match sys.argv[1:]:
    case []:
        write_documents()
    case ["openapi", outputs]:
        print_openapi(outputs)
    case _:
        sys.exit(USAGE)
