"""The contract with other repositories: the API as OpenAPI, the stack outputs as TypeScript.

`python -m contract` writes docs/openapi.json and docs/stack-outputs.d.ts, and a test fails if the
committed files differ from what the models say:

- openapi.py has the document: paths, parameters and statuses. Start here.
- Its request schemas are the validators' own (functions/users/fields.py); its response schemas come
  from the models in responses.py, which tests compare with the running API's responses.
- files.py turns infra/outputs.py and infra/site_config.py into TypeScript.

The package imports functions and infra, and nothing imports it except tests.
"""
