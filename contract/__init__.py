"""The contract with others: the API (OpenAPI), stack outputs (TypeScript), events (JSON Schema).

`python -m contract` writes docs/openapi.json, docs/api.d.ts, docs/stack-outputs.d.ts, docs/events/
and the table of outputs in docs/consuming-outputs.md, and a test fails if the committed files
differ from what the models say:

- openapi.py has the document: paths, parameters and statuses. Start here.
- Its request schemas are the validators' own (functions/users/fields.py); its response schemas come
  from the models in responses.py, which tests compare with the running API's responses.
- events.py has the events' models; event_compatibility.py says which changes of a schema break
  subscribers, and `python -m contract` refuses those without a new version.
- declarations.py checks functions/users/attributes.py before anything is written.
- typescript.py turns the schemas of the API, the stack outputs and config.json into TypeScript.

The package imports functions and infra, and nothing imports it except tests.
"""
