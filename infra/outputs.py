"""The stack's outputs, with their types: the contract with everybody who uses a deployed stack.

The program exports exactly these. config.json, `python -m ops` and other repositories read them, so
a name may change only together with its readers. Pulumi isn't imported here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from infra.consumers import CONSUMERS
from infra.consumers.declaration import Consumer


class NamedOutputs(BaseModel):
    """The outputs of a stack; the names in `pulumi stack output` are the camelCase aliases."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    environment: str = Field(min_length=1, description="Name of the environment: dev, prod, local.")
    region: str = Field(min_length=1, description="AWS region of every resource of the stack.")
    api_url: str = Field(pattern=r"^https?://\S*[^/\s]$", description="Base URL of the API, without a trailing slash.")
    api_domain_target: str | None = Field(
        default=None, description="DNS name that the record of apiDomain points to; absent without apiDomain."
    )
    website_url: str | None = Field(
        default=None,
        description="Address of the registration page, without a trailing slash; absent when it is switched off.",
    )
    website_domain_target: str | None = Field(
        default=None, description="DNS name that the record of websiteDomain points to; absent without websiteDomain."
    )
    users_table_name: str = Field(description="Table of the users; its stream carries every change.")
    user_keys_table_name: str = Field(description="Table that keeps values such as emails unique.")
    activity_table_name: str = Field(description="Table of each user's history of changes.")
    users_stream_arn: str = Field(
        description="ARN of the Users table's stream. Its two readers are taken: read the topic instead."
    )
    user_changes_topic_arn: str = Field(
        description="FIFO topic of users' changes, from which consumers' queues get them."
    )
    register_user_function_name: str = Field(description="Function behind `POST /register`.")
    manage_users_function_name: str = Field(description="Function behind `/users` and what is below it.")
    confirm_registration_function_name: str | None = Field(
        default=None,
        description="Function behind `POST /register/confirmation`; absent with registrationAnswers explicit, as the "
        "next three.",
    )
    send_registration_mail_function_name: str | None = Field(
        default=None, description="Function that sends the mails about registrations."
    )
    registration_mails_queue_url: str | None = Field(
        default=None, description="Queue of the registrations that a mail is due about."
    )
    registration_mails_dead_letter_queue_url: str | None = Field(
        default=None, description="Queue of those that no mail could be sent about."
    )
    log_user_changes_function_name: str = Field(description="Function that the stream's batches go to.")
    fan_out_user_changes_function_name: str = Field(description="Function that sends changes to the topic.")
    rescue_failed_batches_function_name: str = Field(description="Function that turns pointers into whole records.")
    failure_queue_url: str = Field(
        description="Queue of the pointers to batches that the event source mapping gave up on."
    )
    dead_letter_queue_url: str = Field(
        description="Queue of the failed records, whole: what `python -m ops dlq` reads."
    )
    failed_records_bucket_name: str = Field(
        description="Bucket of the failed records that are too large for a message."
    )
    user_events_bus_name: str | None = Field(
        default=None,
        description="EventBridge bus of the events for other teams; absent when they are switched off.",
    )
    user_events_bus_arn: str | None = Field(default=None, description="ARN of that bus: the destination of a replay.")
    user_events_archive_name: str | None = Field(
        default=None, description="Archive of that bus, from which other teams replay events."
    )
    dashboard_url: str = Field(description="Address of the environment's CloudWatch dashboard.")
    traffic_shift_percent: int | None = Field(
        default=None,
        description="Share of the traffic that a new version of a function gets at first; absent without "
        "trafficShiftPercent.",
    )
    traffic_shift_minutes: int | None = Field(
        default=None, description="Minutes for which it keeps that share; absent without trafficShiftMinutes."
    )


def outputs_model(consumers: Sequence[Consumer]) -> type[NamedOutputs]:
    """Return the model of a stack's outputs: those above, and those of declared consumers.

    A consumer's outputs are absent while the stack's settings switch it off.
    """
    described = {
        output: description
        for consumer in consumers
        for output, description in [
            (f"{consumer.folder}_function_name", f"Function of the consumer {consumer.logical_name}."),
            *(
                [
                    (f"{consumer.folder}_queue_url", f"Queue of the changes for {consumer.logical_name}."),
                    (
                        f"{consumer.folder}_failure_queue_url",
                        f"Queue of the changes that {consumer.logical_name} didn't take.",
                    ),
                ]
                if consumer.has_queue
                else []
            ),
        ]
    }
    fields: dict[str, Any] = {
        name: (str | None, Field(default=None, description=description))
        for name, description in described.items()
        if name not in NamedOutputs.model_fields
    }
    return create_model("StackOutputs", __base__=NamedOutputs, __doc__=NamedOutputs.__doc__, **fields)


if TYPE_CHECKING:

    class StackOutputs(NamedOutputs):
        """Every output of a stack; those of consumers are read by the declarations' names."""

else:
    StackOutputs = outputs_model(CONSUMERS)


def output_names() -> list[str]:
    """Return every output's name as `pulumi stack output` shows it, in the model's order."""
    return [field.alias or name for name, field in StackOutputs.model_fields.items()]
