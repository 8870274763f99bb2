"""The bodies of the API's answers as pydantic models: the source of their schemas in docs/openapi.json.

The functions build these bodies without pydantic, whose import would double their start-up. The contract tests hold the
running API's answers against these models' schemas, so that neither drifts from the other.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from functions.manage_users.handler import LONGEST_USER_ID
from functions.users.user import FIRST_VERSION, LAST_VERSION

RegisteredUserId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="Who it is, for ever.",
        examples=["5b0a4f0e-6c3f-5d0b-9f6e-0d6a0f5f3b1c"],
    ),
]
UserId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_USER_ID,
        description="Who it is, for ever: a UUID of whoever registered, any printable text of whoever was imported.",
        examples=["5b0a4f0e-6c3f-5d0b-9f6e-0d6a0f5f3b1c", "customer-1017"],
    ),
]


class Answer(BaseModel):
    """An answer has these members and no others, in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Registered(Answer):
    """The user is stored; a repeated request with the same Idempotency-Key and body gets the same answer."""

    message: Literal["User registered successfully"]
    user_id: RegisteredUserId


class User(Answer):
    """A user as stored now.

    Whoever registered has every value. A user who was imported from another table may lack some: they are null.
    """

    user_id: UserId
    name: str | None = Field(description="As typed.")
    email: str | None = Field(description="As typed; unique whatever its case.")
    username: str | None = Field(description="As typed; unique whatever its case and width.")
    version: int = Field(
        ge=FIRST_VERSION,
        le=LAST_VERSION,
        description="1 when registered or imported without one, one more with each change. Also the ETag.",
    )
    created_at: datetime | None
    updated_at: datetime | None = Field(description="The last change through the API; at first the registration.")


class FieldChange(Answer):
    """A field before and after a change; a side that wasn't there is left out."""

    old: Any = None
    new: Any = None


class Change(Answer):
    """One change of a user, from the table's stream."""

    change_id: str = Field(pattern=r"^\d{40}$", description="Sorts a user's changes by time.")
    kind: Literal["ADDED", "UPDATED", "DELETED"]
    occurred_at: datetime
    actor: Literal["caller", "ttl"] = Field(description="ttl when DynamoDB's expiry deleted the user.")
    changes: dict[str, FieldChange]


class ActivityPage(Answer):
    """Some of a user's changes, oldest first."""

    items: list[Change]
    next_token: str | None = Field(description="Send it as nextToken for the next page; null on the last.")


class FieldProblem(Answer):
    """What is wrong with one field."""

    field: str = Field(description='The field as it was sent; "" for the body as a whole.')
    code: str = Field(description="A stable word for programs.", examples=["too-long", "already-taken"])
    message: str = Field(description="A sentence for people.")


class Problem(Answer):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(
        pattern=r"^urn:userstream:problem:[a-z-]+$", examples=["urn:userstream:problem:validation-failed"]
    )
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    errors: list[FieldProblem] = Field(default=[], description="Where single fields are at fault, each of them.")
    request_id: str = Field(description="Find the request in the API's logs by it.")


class GatewayMessage(BaseModel):
    """What API Gateway itself answers, before a function is reached."""

    model_config = ConfigDict(extra="allow")

    message: str | None
