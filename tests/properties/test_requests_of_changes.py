"""Whatever is done to a user, through the API and past it: everything that follows from a request
shows its id, and nothing else does.

From the HTTP event to the event for other teams, by the code that runs in Lambda; only DynamoDB is
a dict.
"""

import io
import json
import re
from contextlib import redirect_stdout
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.activity.closing_item import CLOSING_CHANGE_ID
from functions.consumers.stored_change import stored_change
from functions.dead_letters.envelope import request_of
from functions.fan_out_user_changes.activity_record import read_activity_record
from functions.http_api.endpoint import answer
from functions.http_api.request import Request
from functions.manage_users.handler import manage_endpoint
from functions.publish_user_events.user_event import FieldRules, user_event
from functions.register_user.handler import register_endpoint
from functions.runtime.json_log import JsonObject
from functions.users.dynamodb_store import DeletionNotes, DynamoDBUsersStore
from tests.support.records.record_processing_fakes import Processing
from tests.support.records.record_strategies import stream_record
from tests.support.users.http_api_events import http_event
from tests.support.users.people import registration
from tests.support.users.users_api import no_activity

ARN = "arn:aws:iam::000000000000:user/op"
RULES = FieldRules(frozenset(), frozenset(), personal_data=False)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

API_WRITES = ("rename", "rename with traceparent", "rename to the same")
FOREIGN_WRITES = ("set by hand", "raise the version by hand", "put without changedBy", "put an earlier item back")


class OneUser:
    """The part of DynamoDB's client that the store calls: one user, and the stream's records."""

    def __init__(self) -> None:
        self.image: JsonObject | None = None
        self.note: JsonObject | None = None
        self.records: list[JsonObject] = []
        self.images: list[JsonObject] = []
        """All that there were, as a backup has them."""

    def write(self, new: JsonObject | None) -> None:
        old, self.image = self.image, new
        self.images += [] if new is None else [new]
        event = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        if old != new:
            user_id = (old or new or {})["userId"]["S"]
            self.records.append(stream_record(event, len(self.records), user_id, old, new))

    def get_item(self, **_: object) -> JsonObject:
        return {} if self.image is None else {"Item": deepcopy(self.image)}

    def transact_write_items(self, TransactItems: list[JsonObject]) -> None:  # noqa: N803  botocore's name
        for operation in TransactItems:
            ((kind, content),) = operation.items()
            if content["TableName"] == "Activity":
                self.note = content["Item"]
            elif content["TableName"] == "Users":
                self.write(self._written(kind, content))

    def _written(self, kind: str, content: JsonObject) -> JsonObject | None:
        if kind == "Put":
            return content["Item"]
        if kind == "Delete":
            return None
        names, values = content["ExpressionAttributeNames"], content["ExpressionAttributeValues"]
        setting, _, removing = content["UpdateExpression"].partition(" REMOVE ")
        image = {**(self.image or {})}
        for name, value in re.findall(r"(#\w+) = (:\w+)", setting):
            image[names[name]] = values[value]
        for name in re.findall(r"#\w+", removing):
            image.pop(names[name], None)
        return image


class Api:
    """Sends requests to the functions' own endpoints, each with an id of its own."""

    def __init__(self) -> None:
        self.user = OneUser()
        client: Any = self.user
        self.store = DynamoDBUsersStore(
            client, users_table="Users", user_keys_table="UserKeys", notes=DeletionNotes("Activity", 30)
        )
        self.causes: list[JsonObject] = []
        """Of each record, what its request's own line of the log says of the request."""

    def send(self, route: str, body: JsonObject | None = None, traceparent: str = "") -> None:
        user_id = "" if self.user.image is None else self.user.image["userId"]["S"]
        headers = {"traceparent": traceparent} if traceparent else {}
        text = None if body is None else json.dumps(body)
        event = http_event(route, body=text, headers=headers, path={"userId": user_id})
        event["requestContext"]["requestId"] = f"request-{len(self.causes)}="
        if route != "POST /register":
            event["requestContext"]["authorizer"] = {"iam": {"userArn": ARN}}
        with redirect_stdout(io.StringIO()) as log:
            answered = answer(event, self._endpoint)
        assert answered["statusCode"] < 300, answered
        line = json.loads(log.getvalue())
        assert line["requestId"] == event["requestContext"]["requestId"]
        caused = {name: line[name] for name in ("requestId", "traceparent") if name in line}
        assert caused.get("traceparent", "") == traceparent
        self.note_cause(caused)

    def note_cause(self, caused: JsonObject) -> None:
        """Say what the records are from that were written since the last call."""
        self.causes += [caused] * (len(self.user.records) - len(self.causes))

    def _endpoint(self, request: Request) -> Any:
        if request.route == "POST /register":
            return register_endpoint(request, self.store)
        return manage_endpoint(request, self.store, no_activity)

    def past_the_api(self, kind: str, text: str) -> None:
        image = {**(self.user.image or {}), "name": {"S": text}}
        if kind == "raise the version by hand":
            image["version"] = {"N": str(int(image["version"]["N"]) + 1)}
        if kind == "put without changedBy":
            image.pop("changedBy", None)
        caused: JsonObject = {}
        if kind == "put an earlier item back":
            following = int(image["version"]["N"]) + 1
            image = self.user.images[ord(text[0]) % len(self.user.images)]
            written = image.get("changedBy", {"M": {}})["M"]
            if {"N": str(following)} == image["version"] == written.get("version"):
                # Nothing tells it from the request that wrote it.
                caused = {name: value["S"] for name, value in _caused(written).items()}
        self.user.write(image)
        self.note_cause(caused)


def done(writes: list[tuple[str, str]], *, deleted: bool) -> Api:
    api = Api()
    api.send("POST /register", registration(1))
    for kind, text in writes:
        if kind in FOREIGN_WRITES:
            api.past_the_api(kind, text)
            continue
        name = api.user.image["name"]["S"] if kind == "rename to the same" and api.user.image else text
        api.send("PATCH /users/{userId}", {"name": name}, TRACEPARENT if kind == "rename with traceparent" else "")
    if deleted:
        api.send("DELETE /users/{userId}")
    return api


WRITES = st.lists(
    st.tuples(st.sampled_from(API_WRITES + FOREIGN_WRITES), st.text("ABCDE", min_size=1, max_size=2)), max_size=8
)


@given(WRITES, st.booleans())
def test_everything_that_follows_from_a_request_shows_its_id(
    writes: list[tuple[str, str]],
    deleted: bool,  # noqa: FBT001
) -> None:
    api = done(writes, deleted=deleted)
    records, causes = api.user.records, api.causes
    assert len(records) == len(causes)
    processing = Processing()
    if api.user.note is not None:
        processing.activity.close(api.user.note)
    processing.process(records)

    for record, caused in zip(records, causes, strict=True):
        number = record["dynamodb"]["SequenceNumber"]
        for _, line in processing.log.events:
            if line["sequenceNumber"] == number:
                assert _caused(line) == caused
    history = [item for (_, at), item in sorted(processing.activity.items.items()) if at != CLOSING_CHANGE_ID]
    assert [{name: value["S"] for name, value in _caused(item).items()} for item in history] == causes

    for item, caused in zip(history, causes, strict=True):
        keys = {name: item[name] for name in ("userId", "changeId")}
        message = read_activity_record({"eventName": "INSERT", "dynamodb": {"Keys": keys, "NewImage": item}})
        assert message is not None
        assert message.request_id == caused.get("requestId")
        detail = json.loads(user_event(stored_change(message, item), "userstream.test", RULES).detail)
        assert _caused(detail) == caused
        assert not {"requestId", "traceparent", "changedBy"} & set(detail["changedFields"])


@given(WRITES, st.booleans())
def test_a_failed_record_shows_it_too_but_a_deletion_s(
    writes: list[tuple[str, str]],
    deleted: bool,  # noqa: FBT001
) -> None:
    api = done(writes, deleted=deleted)
    records = deepcopy(api.user.records)
    for record in records:
        for image in ("OldImage", "NewImage"):
            if image in record["dynamodb"]:
                record["dynamodb"][image]["schemaVersion"] = {"N": "99"}
    processing = Processing()
    processing.process(records)

    wanted = [
        {} if record["eventName"] == "REMOVE" else {name: caused[name] for name in caused if name == "requestId"}
        for record, caused in zip(records, api.causes, strict=True)
    ]
    assert [request_of(failed.record) for failed in processing.dead_letters.sent] == wanted
    lines = [line for _, line in processing.log.events]
    assert [_caused(line) for line in lines] == wanted


def _caused(members: JsonObject) -> JsonObject:
    return {name: members[name] for name in ("requestId", "traceparent") if name in members}
