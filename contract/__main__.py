"""`python -m contract`: write docs/openapi.json and docs/stack-outputs.d.ts from the models."""

from contract.files import contract_files

for path, content in contract_files().items():
    path.write_text(content, encoding="utf-8")
