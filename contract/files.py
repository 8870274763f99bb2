"""The contract's files in docs/, and what belongs in each."""

import json
from pathlib import Path

from contract.openapi import openapi_document
from contract.typescript import typescript_interface
from infra.outputs import StackOutputs
from infra.site_config import SiteConfig

DOCS = Path(__file__).resolve().parent.parent / "docs"

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
