"""The events for other teams as pydantic models: the schemas in docs/events/.

A schema is that of an event's `detail`. publish_user_events builds the details without pydantic,
and tests hold each to its schema. Within a schema version members may be added that are optional,
and nothing else may change: `contract.event_compatibility`.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import override

from functions.publish_user_events.user_event import SCHEMA_VERSION
from functions.stream_records.user_change import SEQUENCE_NUMBER_DIGITS
from functions.users.attributes import ATTRIBUTES
from functions.users.user import FIRST_VERSION, LAST_VERSION

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class EventDetail(BaseModel):
    """What every event has. A subscriber ignores members that it doesn't know."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    schema_version: Literal[1] = Field(description="Of this schema.")
    event_id: str = Field(
        min_length=1,
        description="The change's own id, the same each time the event is delivered. EventBridge's `id` is not.",
        examples=["7c9d2f4e1b6a4c0d8e5f3a2b1c0d9e8f"],
    )
    user_id: str = Field(min_length=1, examples=["5b0a4f0e-6c3f-5d0b-9f6e-0d6a0f5f3b1c"])
    version: int | None = Field(
        ge=FIRST_VERSION,
        le=LAST_VERSION,
        description="The user's version after the change, of a deleted user the last one; null if it has none.",
    )
    change_id: str = Field(
        pattern=rf"^[0-9]{{{SEQUENCE_NUMBER_DIGITS}}}$",
        description="Orders the events of one user: compared as text, the later change has the greater one.",
        examples=["0000000000000000000000000000000000000117"],
    )
    occurred_at: datetime = Field(description="When the user changed, in whole seconds; `time` is that of publishing.")
    actor: Literal["caller", "ttl"] = Field(description="ttl when DynamoDB's expiry deleted the user.")
    changed_fields: list[str] = Field(
        description="The fields that got another value or lost theirs; of a new or deleted user all it has or had."
    )
    request_id: str = Field(
        default_factory=str,
        description="The API's request that made the change, as its answer's header apigw-requestid names it. Left out "
        "if none is known, as of a change past the API.",
        examples=["JKJaXmPLvHcESHA="],
    )
    traceparent: str = Field(
        default_factory=str,
        description="The W3C Trace Context of that request, if its caller sent one, as it came.",
        examples=["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    )


class EventWithValues(EventDetail):
    """What an event of a user has who is there after the change."""

    values: dict[str, Any] = Field(
        description="Changed fields after the change, null for one that was taken away. A changed field that isn't "
        "here is personal, and this environment publishes no personal values: read the user at `GET /users/{userId}`.",
        json_schema_extra={
            "properties": {
                attribute.name: {"type": ["string", "null"], "description": attribute.label} for attribute in ATTRIBUTES
            },
            "examples": [{attribute.name: attribute.example for attribute in ATTRIBUTES}],
        },
    )
    values_omitted: bool = Field(description="Whether `values` is empty because the event would be too large.")


class UserRegistered(EventWithValues):
    """A user is new."""


class UserChanged(EventWithValues):
    """A user has changed."""


class UserDeleted(EventDetail):
    """A user is gone."""


EVENTS: tuple[type[EventDetail], ...] = (UserRegistered, UserChanged, UserDeleted)
"""Each is named as its detail-type."""


class _Schema(GenerateJsonSchema):
    """JSON Schema without the titles that pydantic makes of names."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def event_schema(event: type[EventDetail]) -> JsonSchemaValue:
    """Return the JSON Schema of an event's detail."""
    schema = event.model_json_schema(by_alias=True, mode="serialization", schema_generator=_Schema)
    return {"$schema": DIALECT, "$id": f"urn:userstream:event:{event.__name__}-v{SCHEMA_VERSION}", **schema}
