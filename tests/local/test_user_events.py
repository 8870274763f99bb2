"""What happens through the API arrives on the bus, as the schemas say, and at a subscriber once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contract.files import EVENT_SCHEMAS
from functions.publish_user_events.user_event import SCHEMA_VERSION
from local.events import archived_events
from local.state import LocalStack, clients_of
from tests.support.aws.signature_v4 import Signer
from tests.support.local.mapped_function import eventually
from tests.support.local.subscriber import Subscriber, deploy
from tests.support.local.users_over_http import UsersOverHttp, person

Events = list[dict[str, Any]]


def events_of(stack: LocalStack, user_id: str) -> Events:
    """Return the published events of a user, in the order of their changes."""
    found = [event for event in archived_events(stack, clients_of(stack)) if event["detail"]["userId"] == user_id]
    return sorted(found, key=lambda event: event["detail"]["changeId"])


def eventually_events_of(stack: LocalStack, user_id: str, holds: Callable[[Events], bool]) -> Events:
    return eventually(lambda: events_of(stack, user_id), holds)


@pytest.fixture
def users(local_stack: LocalStack, api_caller: Signer) -> UsersOverHttp:
    return UsersOverHttp(local_stack, api_caller)


def test_a_user_s_life_is_published_as_the_released_schemas_say(local_stack: LocalStack, users: UsersOverHttp) -> None:
    body = person(name="Ada")
    user_id = users.registered(body)
    assert users.patch(user_id, {"name": "Ada Lovelace"}).status == 200
    assert users.delete(user_id).status == 204

    events = eventually_events_of(local_stack, user_id, lambda found: len(found) >= 3)

    assert [event["detail-type"] for event in events] == ["UserRegistered", "UserChanged", "UserDeleted"]
    for event in events:
        assert event["source"] == "userstream.local"
        schema = json.loads((EVENT_SCHEMAS / f"{event['detail-type']}-v{SCHEMA_VERSION}.json").read_text())
        assert list(Draft202012Validator(schema).iter_errors(event["detail"])) == []  # pyright: ignore[reportUnknownMemberType]
    registered, changed, deleted = (event["detail"] for event in events)
    assert registered["values"] == body
    assert (changed["version"], changed["changedFields"]) == (2, ["name"])
    assert changed["values"] == {"name": "Ada Lovelace"}
    assert "values" not in deleted
    assert [event["detail"]["changeId"] for event in events] == [each["changeId"] for each in users.activity(user_id)]


def test_an_event_that_can_never_be_published_is_dead_lettered_by_the_publisher(local_stack: LocalStack) -> None:
    clients, user_id = clients_of(local_stack), person()["username"]
    names: Any = {f"{number:05}{'x' * 995}": {"BOOL": True} for number in range(260)}
    clients.dynamodb.put_item(
        TableName=local_stack.outputs.users_table_name,
        Item={"userId": {"S": user_id}, "name": {"S": "Imported"}, "version": {"N": "1"}, **names},
    )

    def envelopes() -> list[dict[str, Any]]:
        received = clients.sqs.receive_message(
            QueueUrl=local_stack.outputs.dead_letter_queue_url, MaxNumberOfMessages=10, VisibilityTimeout=1
        )
        bodies = [json.loads(message.get("Body", "{}")) for message in received.get("Messages", [])]
        return [body for body in bodies if "even without values" in body["reason"]]

    (envelope,) = eventually(envelopes, bool)
    assert envelope["kind"] == "permanent"
    assert "PublishUserEventsFunction-local" in envelope["sourceFunction"]
    assert events_of(local_stack, user_id) == []


def test_a_registration_is_welcomed_once_by_the_example(
    local_stack: LocalStack, local_stack_directory: Path, users: UsersOverHttp
) -> None:
    deployed = deploy(local_stack_directory)
    assert deployed.returncode == 0, deployed.stderr
    subscriber = Subscriber(local_stack)

    registered = [users.registered(person()) for _ in range(5)]

    subscriber.eventually_welcomes(registered)
    subscriber.settle()
    assert subscriber.welcomes(registered) == dict.fromkeys(registered, 1)
