"""The bodies of the API's responses as pydantic models: the schemas of docs/openapi.json.

The functions build these bodies without pydantic, whose import would double their cold start.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from functions.users.attributes import ATTRIBUTES, Attribute
from functions.users.user import FIRST_VERSION, LAST_VERSION, LONGEST_KEY


class ResponseBody(BaseModel):
    """A response body with these members and no others, in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Registered(ResponseBody):
    """The user is stored. A repeat with the same Idempotency-Key and body gets it again."""

    message: Literal["User registered successfully"]
    user_id: str = Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="The user's id, which never changes.",
        examples=["5b0a4f0e-6c3f-5d0b-9f6e-0d6a0f5f3b1c"],
    )


class Requested(ResponseBody):
    """A mail is on its way: whether one with a link or about an earlier registration isn't told."""

    message: Literal["Follow the link in the mail that we sent you to complete the registration"]


class StoredUser(ResponseBody):
    """What every user has, whatever attributes are declared."""

    user_id: str = Field(
        min_length=1,
        max_length=LONGEST_KEY,
        description="The user's id, which never changes: a UUID, or any text for an imported user. No path leads to "
        "an id of more than 128 characters, with an unprintable one, or with one of / ? # % and backslash.",
        examples=["5b0a4f0e-6c3f-5d0b-9f6e-0d6a0f5f3b1c", "customer-1017"],
    )
    version: int = Field(
        ge=FIRST_VERSION,
        le=LAST_VERSION,
        description="1 when registered or imported without one; each change adds one. Also the ETag.",
    )
    created_at: datetime | None
    updated_at: datetime | None = Field(description="The last change through the API; at first the registration.")


def user_model(attributes: Sequence[Attribute]) -> type[StoredUser]:
    """Return the body of an answer that shows a user with these attributes.

    A required attribute is always there, null if an imported user lacks it. An optional one is
    never null: a user who has none has no such member.
    """
    # Apart from the names of the model's own members and methods, whatever an attribute is called.
    members: dict[str, Any] = {f"value_{each.name}": _member(each) for each in attributes}
    return create_model("User", __base__=StoredUser, __doc__=_USER, **members)


_USER = """A user as stored now.

A user who registered has every required value. Those that an imported user lacks are null. An
optional value that a user doesn't have is left out.
"""


def _member(attribute: Attribute) -> tuple[Any, Any]:
    description = "As typed."
    if attribute.unique is not None:
        description = f"As typed; unique {attribute.unique.words}".rstrip() + "."
    if attribute.required:
        return str | None, Field(alias=attribute.name, description=description)
    # A factory, because a default would be published, and there is none.
    return str, Field(alias=attribute.name, description=description, default_factory=str)


User = user_model(ATTRIBUTES)


def users_page_model(user: type[StoredUser]) -> type[ResponseBody]:
    """Return the body of an answer that shows some users."""
    token = Field(alias="nextToken", description="Send it as nextToken for the next page; null on the last.")
    members: dict[str, Any] = {"items": (list[user], ...), "next_token": (str | None, token)}
    return create_model("UsersPage", __base__=ResponseBody, __doc__="Some users, in no particular order.", **members)


class FieldChange(ResponseBody):
    """A field before and after a change; a missing side is left out."""

    old: Any = None
    new: Any = None
    omitted: dict[Literal["old", "new"], int] = Field(
        default={},
        description="The size in bytes of a value that existed and isn't kept: a change of more than 400 KB leaves out "
        "values, former ones first. 0: a value of a deleted user, of whom this stack keeps none.",
    )


class Change(ResponseBody):
    """One change of a user, from the table's stream; of an erased user, the erasure alone."""

    change_id: str = Field(pattern=r"^\d{40}$", description="Sorts a user's changes by time.")
    kind: Literal["ADDED", "UPDATED", "DELETED", "ERASED"] = Field(
        description="ERASED: all data of the user was removed, and `changes` is empty."
    )
    occurred_at: datetime
    actor: str = Field(
        description="Who did it: self for a registration, the ARN of the caller of a signed route or of who erased "
        "the user, ttl when DynamoDB's expiry deleted the user, caller for a write past the API.",
        examples=["self", "arn:aws:sts::123456789012:assumed-role/Support/eve", "ttl", "caller"],
    )
    request_id: str = Field(
        default_factory=str,
        description="The request that made it: the header apigw-requestid of its answer. Left out if none is known.",
        examples=["JKJaXmPLvHcESHA="],
    )
    traceparent: str = Field(default_factory=str, description="The header of that request, if it had a valid one.")
    changes: dict[str, FieldChange]
    omitted_fields: int = Field(
        default=0,
        description="How many more fields changed, of a change of thousands, whose names are too large for the "
        "history.",
    )


class ActivityPage(ResponseBody):
    """Some entries of a user's history, oldest first."""

    items: list[Change]
    next_token: str | None = Field(description="Send it as nextToken for the next page; null on the last.")


class FieldProblem(ResponseBody):
    """What is wrong with one field."""

    field: str = Field(description='The field as it was sent; "" for the body as a whole.')
    code: str = Field(description="A stable word for programs.", examples=["too-long", "already-taken"])
    message: str = Field(description="A sentence for people.")


class Problem(ResponseBody):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(
        pattern=r"^urn:userstream:problem:[a-z-]+$", examples=["urn:userstream:problem:validation-failed"]
    )
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    request_id: str = Field(
        description="Identifies the request in logs, histories and events; the header apigw-requestid has it too."
    )


class FieldsProblem(Problem):
    """Why a request was refused, with the fields that are at fault."""

    errors: list[FieldProblem] = Field(min_length=1)


class GatewayMessage(BaseModel):
    """API Gateway's own response, if no function was invoked."""

    model_config = ConfigDict(extra="allow")

    message: str | None
