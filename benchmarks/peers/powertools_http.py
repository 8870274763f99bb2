"""Powertools for AWS Lambda: HTTP API resolver and parser."""

from http import HTTPStatus
from typing import Annotated, Any

import boto3
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.parser import BaseModel, ValidationError, parse
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import StringConstraints

from benchmarks.peers.registration import EMAIL_LENGTH, EMAIL_PATTERN, NAME_LENGTH, USERNAME_PATTERN, transaction

app = APIGatewayHttpResolver()
client = boto3.client("dynamodb")


class Registration(BaseModel):
    """The body of POST /register."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH)]
    email: Annotated[str, StringConstraints(max_length=EMAIL_LENGTH, pattern=EMAIL_PATTERN)]
    username: Annotated[str, StringConstraints(pattern=USERNAME_PATTERN)]


@app.post("/register")
def register() -> tuple[dict[str, str], int] | Response[str]:
    """Validate, store, and answer 201; otherwise 422."""
    try:
        user = parse(event=app.current_event.json_body, model=Registration)
    except ValidationError as error:
        return Response(HTTPStatus.UNPROCESSABLE_ENTITY, "application/json", error.json())
    user_id, arguments = transaction(user.name, user.email, user.username)
    client.transact_write_items(**arguments)
    return {"message": "User registered successfully", "userId": user_id}, HTTPStatus.CREATED


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Resolve the route."""
    return app.resolve(event, context)
