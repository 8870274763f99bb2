"""The API as an OpenAPI 3.1 document."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from contract.responses import (
    ActivityPage,
    FieldsProblem,
    GatewayMessage,
    Problem,
    Registered,
    Requested,
    user_model,
    users_page_model,
)
from functions.http_api.request import IDEMPOTENCY_KEY_LENGTH
from functions.users.attributes import ATTRIBUTES, Attribute
from functions.users.fields import Fields
from functions.users.user import LONGEST_USER_ID

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"
_RESPONSE_BODIES = (ActivityPage, FieldsProblem, Problem, GatewayMessage)

VERSION = "2.0.0"
"""Of the API, by Semantic Versioning: clients of a major version understand later minor ones."""

_USER_ID: Json = {
    "name": "userId",
    "in": "path",
    "required": True,
    "description": "A user's id: a lower-case UUID, or printable text without / ? # % and backslash for an imported "
    "user. Any other has no path.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_USER_ID, "pattern": r"^[^/?#%\\]+$"},
}
_IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the version to act on. If the user has changed since, the response is 412.",
    "schema": {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*)$', "examples": ['"1"']},
}
_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": (
        "Makes the request safe to repeat: for seven days, or until the user is deleted, the same key with the same "
        "body registers once and gets the same response. Use a new key, such as a random UUID, for each registration."
    ),
    "schema": {
        "type": "string",
        "minLength": IDEMPOTENCY_KEY_LENGTH[0],
        "maxLength": IDEMPOTENCY_KEY_LENGTH[-1],
        "pattern": "^[ -~]+$",
    },
}
_LIMIT: Json = {
    "name": "limit",
    "in": "query",
    "description": "Maximum number of entries on a page; a page of large ones has fewer.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 25},
}
_NEXT_TOKEN: Json = {
    "name": "nextToken",
    "in": "query",
    "description": "Where the page begins: nextToken of the previous page.",
    "schema": {"type": "string"},
}
_ETAG: Json = {
    "ETag": {
        "required": True,
        "description": "The user's version.",
        "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
    }
}
_LOCATION: Json = {
    "Location": {
        "required": True,
        "description": "The user's path.",
        "schema": {"type": "string", "pattern": "^/users/"},
    }
}
_RETRY_AFTER: Json = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}

_PROBLEMS = {
    400: "The request can't be read: no body, not JSON, not an object, a bad header or parameter.",
    404: "No user has this id.",
    409: "Another user has a value that must be unique, or one that looks like it (`errors` names which), or an "
    "imported user would be larger than DynamoDB's 400 KB.",
    410: "The link was used, has expired, or isn't whole.",
    412: "The user has changed since the version that If-Match names.",
    413: "The body has more than 16 KiB.",
    415: "The body isn't sent as application/json in UTF-8.",
    422: "A field breaks its rule (`errors` names each), or the Idempotency-Key was used with another body.",
    500: "A fault of the service, which it has logged.",
    503: "The tables can't take the request now; the same request may succeed later.",
}
_API_GATEWAY_PROBLEMS = {
    413: "it is too large to be handed to a function.",
    500: "the function ended without a response.",
    503: "the function can't be invoked now, or didn't respond in time.",
}
"""API Gateway's own reasons for statuses that the functions use too; its bodies differ."""

_FIELDS_AT_FAULT = {409, 422}
"""Statuses of which some problems name fields, and others none."""


_CONFIRMATION: Json = {
    "title": "Confirmation",
    "description": "What `POST /register/confirmation` takes.",
    "type": "object",
    "properties": {
        "token": {
            "type": "string",
            "description": "What comes behind `#confirm=` in the link.",
            "examples": ["5b0a4f0e-6c3f-4d0b-9f6e-0d6a0f5f3b1c.1796037077.wemY7xKDZ3BbQbXaEOryEIxs0dl_mJkTZmFtIOsUoIA"],
        }
    },
    "required": ["token"],
    "additionalProperties": False,
}

_ANY_STACK: Json = {
    "url": "https://{apiId}.execute-api.{region}.amazonaws.com",
    "description": "The stack output apiUrl; `python -m contract openapi` writes it here.",
    "variables": {"apiId": {"default": "apiId"}, "region": {"default": "eu-west-1"}},
}
"""The form of an API's address without a domain of its own."""


def openapi_document(attributes: Sequence[Attribute] = ATTRIBUTES, api_url: str | None = None) -> Json:
    """Return the document as JSON values.

    Args:
        attributes: of a user.
        api_url: its server, a stack's output apiUrl; None: the form of a stack's address.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "userstream users API",
            "version": VERSION,
            "summary": "Register users; find, read, change and delete them; see what changed.",
            "description": "For a path or a method that isn't here, API Gateway responds 404 with a GatewayMessage.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [_ANY_STACK if api_url is None else {"url": api_url}],
        "tags": [
            {"name": "registration", "description": "Open to everybody."},
            {"name": "administration", "description": "Requests are signed with AWS Signature Version 4."},
        ],
        "paths": {
            "/register": {"post": _register()},
            "/register/confirmation": {"post": _confirm()},
            "/users": {"get": _get_users(attributes)},
            "/users/{userId}": {
                "parameters": [_USER_ID],
                "get": _get_user(),
                "patch": _patch_user(),
                "delete": _delete_user(),
            },
            "/users/{userId}/activity": {"parameters": [_USER_ID], "get": _get_activity()},
        },
        "components": {
            "schemas": _schemas(attributes),
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4, service execute-api; allowed by execute-api:Invoke.",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
        },
    }


def _register() -> Json:
    return {
        "operationId": "registerUser",
        "tags": ["registration"],
        "summary": "Register a user",
        "security": [],
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": _body("Registration"),
        "responses": {
            "201": _response("The user is registered.", "Registered", {**_LOCATION, **_ETAG}),
            "202": _response(
                "In a stack with registrationAnswers neutral, in place of 201, and whether or not the address is a "
                "user's: the user is registered once the link in the mail is followed.",
                "Requested",
            ),
            **_problems(400, 409, 413, 415, 422),
            **_overload_and_faults(),
            "429": _limited(),
        },
    }


def _confirm() -> Json:
    return {
        "operationId": "confirmRegistration",
        "tags": ["registration"],
        "summary": "Register the user whose mailed link was followed",
        "description": "Only in a stack with registrationAnswers neutral; in others API Gateway responds 404.",
        "security": [],
        "requestBody": _body("Confirmation"),
        "responses": {
            "201": _response("The user is registered.", "Registered", {**_LOCATION, **_ETAG}),
            **_problems(400, 409, 410, 413, 415),
            "404": _response("API Gateway: the stack's answers are explicit.", "GatewayMessage"),
            **_overload_and_faults(),
        },
    }


def _limited() -> Json:
    """Return what a throttled registration gets, or one of a client beyond its limit."""
    return {
        "description": "AWS WAF, under the page's address: more registrations from one client than the stack's "
        "registrationsPerClient (a Problem, sent as application/json). Or API Gateway: more requests than the stack's "
        "throttling settings allow.",
        "content": {"application/json": _either("Problem", "GatewayMessage")},
        "headers": _RETRY_AFTER,
    }


def _get_users(attributes: Sequence[Attribute]) -> Json:
    """Return the search by each unique attribute, which is also the list of all users."""
    summary = "Find the user who has a value, or page through all users"
    searches = [_search(each) for each in attributes if each.unique is not None]
    responses = {"200": _response("The user, or nobody; or a page of users.", "UsersPage"), **_problems(400)}
    return _signed_operation("getUsers", summary, responses, {"parameters": [*searches, _LIMIT, _NEXT_TOKEN]})


def _search(attribute: Attribute) -> Json:
    words = attribute.unique.words if attribute.unique else ""
    return {
        "name": attribute.name,
        "in": "query",
        "description": f"Find the user who has it, {words or 'as typed'}. No other parameter goes with it.",
        "schema": {"type": "string", "minLength": 1, "examples": [attribute.example]},
    }


def _get_user() -> Json:
    responses = {"200": _response("The user.", "User", _ETAG), **_problems(400, 404)}
    return _signed_operation("getUser", "Read a user", responses)


def _patch_user() -> Json:
    request = {"parameters": [_IF_MATCH], "requestBody": _body("UserChanges")}
    stored = _response("The user as stored now.", "User", _ETAG)
    responses = {"200": stored, **_problems(400, 404, 409, 412, 413, 415, 422)}
    return _signed_operation("changeUser", "Change some fields of a user", responses, request)


def _delete_user() -> Json:
    summary = "Delete a user and free its unique values"
    responses = {"204": {"description": "The user is deleted."}, **_problems(400, 404, 412)}
    return _signed_operation("deleteUser", summary, responses, {"parameters": [_IF_MATCH]})


def _get_activity() -> Json:
    summary = "Read the changes of a user, also of a deleted one, oldest first"
    responses = {"200": _response("A page of changes.", "ActivityPage"), **_problems(400, 404)}
    return _signed_operation("getActivity", summary, responses, {"parameters": [_LIMIT, _NEXT_TOKEN]})


def _signed_operation(operation_id: str, summary: str, responses: Json, request: Json | None = None) -> Json:
    """Return an operation for signed callers, with the responses that all of them have."""
    unsigned = _response("API Gateway: the request isn't signed, or its signer isn't allowed.", "GatewayMessage")
    return {
        "operationId": operation_id,
        "tags": ["administration"],
        "summary": summary,
        "security": [{"sigv4": []}],
        **(request or {}),
        "responses": {**responses, "403": unsigned, **_overload_and_faults()},
    }


def _body(schema: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": {"$ref": _REF.format(model=schema)}}}}


def _response(description: str, schema: str, headers: Json | None = None) -> Json:
    content = {"application/json": {"schema": {"$ref": _REF.format(model=schema)}}}
    return {"description": description, "content": content} | ({"headers": headers} if headers else {})


def _problems(*statuses: int) -> Json:
    return {str(status): _problem(status) for status in statuses}


def _problem(status: int) -> Json:
    description = _PROBLEMS[status]
    if status in _API_GATEWAY_PROBLEMS:
        description += f" Or API Gateway: {_API_GATEWAY_PROBLEMS[status]}"
        # API Gateway sends application/json. Both bodies stand at both, because generated clients
        # parse by the status alone.
        body = _either("Problem", "GatewayMessage")
        return {"description": description, "content": {"application/problem+json": body, "application/json": body}}
    body = _either("FieldsProblem", "Problem") if status in _FIELDS_AT_FAULT else _either("Problem")
    return {"description": description, "content": {"application/problem+json": body}}


def _either(*models: str) -> Json:
    """Return the media type of a body that is one of the models: the first that it fits."""
    forms = [{"$ref": _REF.format(model=model)} for model in models]
    return {"schema": {"anyOf": forms} if len(forms) > 1 else forms[0]}


def _overload_and_faults() -> Json:
    return {
        "429": _response("API Gateway: more requests than the stack's throttling settings allow.", "GatewayMessage"),
        **_problems(500),
        "503": _problem(503) | {"headers": _RETRY_AFTER},
    }


class _ResponseSchema(GenerateJsonSchema):
    """A body as clients should expect it: later versions add members, and no value is made up.

    Generators of clients refuse unknown members of a closed schema, and take a member with a
    default for one that is always there.
    """

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    @override
    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return {name: value for name, value in super().model_schema(schema).items() if name != "additionalProperties"}


def _schemas(attributes: Sequence[Attribute]) -> Json:
    schemas: Json = {}
    fields = Fields(attributes)
    for name, core_schema_of_body in (
        ("Registration", fields.registration_schema),
        ("UserChanges", fields.changes_schema),
    ):
        schemas[name] = GenerateJsonSchema(ref_template=_REF).generate(core_schema_of_body, mode="validation")
    schemas["Confirmation"] = _CONFIRMATION
    user = user_model(attributes)
    for model in (Registered, Requested, user, users_page_model(user), *_RESPONSE_BODIES):
        schema = TypeAdapter(model).json_schema(
            by_alias=True, ref_template=_REF, schema_generator=_ResponseSchema, mode="serialization"
        )
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return schemas
