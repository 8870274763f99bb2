"""What other repositories rely on, written down for them: the API as OpenAPI, the stack outputs as TypeScript.

`python -m contract` writes both into docs/; a test fails when the committed files differ.
"""
