"""AWS Chalice, whose Lambda entry is the app itself (REST API events, payload 1.0)."""

from typing import Any

import boto3
from chalice import Chalice, Response

from benchmarks.peers.registration import is_valid, transaction

app = Chalice(app_name="register")
client = boto3.client("dynamodb")


@app.route("/register", methods=["POST"])
def register() -> Response:
    """Validate by hand, because Chalice has no validation, store, and answer 201."""
    body: dict[str, Any] = app.current_request.json_body
    name, email, username = body.get("name"), body.get("email"), body.get("username")
    if not is_valid(name, email, username):
        return Response(body={"message": "Invalid user"}, status_code=422)
    user_id, arguments = transaction(name, email, username)
    client.transact_write_items(**arguments)
    return Response(body={"message": "User registered successfully", "userId": user_id}, status_code=201)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Convert the request to the form of a REST API, and let Chalice answer it."""
    headers = event["headers"]
    rest_event = {
        "resource": "/register",
        "path": "/register",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": event["body"],
        "isBase64Encoded": event["isBase64Encoded"],
        "requestContext": {"resourcePath": "/register", "httpMethod": "POST", "identity": {"sourceIp": "127.0.0.1"}},
    }
    return app(rest_event, context)
