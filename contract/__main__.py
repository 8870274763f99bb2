"""`python -m contract`: write docs/openapi.json and docs/stack-outputs.d.ts from the models."""

from contract.files import write_contract_files

write_contract_files()
