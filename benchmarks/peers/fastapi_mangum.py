"""FastAPI behind Mangum."""

from typing import Annotated

import boto3
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel, StringConstraints

from benchmarks.peers.registration import EMAIL_LENGTH, EMAIL_PATTERN, NAME_LENGTH, USERNAME_PATTERN, transaction

app = FastAPI()
client = boto3.client("dynamodb")


class Registration(BaseModel):
    """The body of POST /register."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH)]
    email: Annotated[str, StringConstraints(max_length=EMAIL_LENGTH, pattern=EMAIL_PATTERN)]
    username: Annotated[str, StringConstraints(pattern=USERNAME_PATTERN)]


@app.post("/register", status_code=201)
def register(user: Registration) -> dict[str, str]:
    """Store the validated user."""
    user_id, arguments = transaction(user.name, user.email, user.username)
    client.transact_write_items(**arguments)
    return {"message": "User registered successfully", "userId": user_id}


handler = Mangum(app, lifespan="off")
