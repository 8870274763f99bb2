"""What DynamoDB and S3 store of a person: the user, the keys, the history, large failed records."""

import json

from functions.runtime.json_log import JsonObject, json_line
from functions.stream_records.attribute_values import Image, base64_text, convert_binary, unmarshal
from ops.aws.services import Services
from ops.dead_letters.message import read_envelope
from ops.errors import NotFoundError
from ops.job import Job
from ops.person.place import Finding, Reading, is_of, json_or_text, message_is_of

DYNAMODB = "DynamoDB"


class UserItem:
    """The item of the Users table."""

    name = "users"
    service = DYNAMODB

    def __init__(self, services: Services) -> None:
        self.resource = services.outputs.users_table_name
        self._table = services.users()

    def read(self, user_id: str, job: Job) -> Reading:  # noqa: ARG002  one call: nothing to stop
        """See `Place.read`."""
        item = self._table.get(user_id)
        return Reading([] if item is None else [Finding({"userId": user_id}, plain(item))])


class KeyItems:
    """The items of UserKeys that are the user's, also those of values that the user gave up.

    UserKeys has no index by user, and a key that a write past the API left behind belongs to no
    stored value, so the whole table is read.
    """

    name = "user-keys"
    service = DYNAMODB

    def __init__(self, services: Services) -> None:
        self.resource = services.outputs.user_keys_table_name
        self._table = services.user_keys()

    def read(self, user_id: str, job: Job) -> Reading:
        """See `Place.read`."""
        findings: list[Finding] = []
        for page in self._table.pages_of(user_id):
            if job.stop_requested():
                raise KeyboardInterrupt
            findings += [Finding({"key": unmarshal(item["key"])}, plain(item)) for item in page]
        return Reading(findings)


class ActivityItems:
    """The user's history in Activity, oldest first."""

    name = "activity"
    service = DYNAMODB

    def __init__(self, services: Services) -> None:
        self.resource = services.outputs.activity_table_name
        self._table = services.activity()

    def read(self, user_id: str, job: Job) -> Reading:
        """See `Place.read`."""
        findings: list[Finding] = []
        for item in self._table.items(user_id):
            if job.stop_requested():
                raise KeyboardInterrupt
            location: JsonObject = {"userId": user_id, "changeId": unmarshal(item["changeId"])}
            findings.append(Finding(location, plain(item)))
        return Reading(findings[::-1])


class LargeRecords:
    """Failed records in S3: of messages in the dead-letter queue, and of some that left it."""

    name = "large-records"
    service = "S3"

    def __init__(self, services: Services) -> None:
        self.resource = services.outputs.failed_records_bucket_name
        self._store = services.envelopes()

    def read(self, user_id: str, job: Job) -> Reading:
        """See `Place.read`."""
        findings: list[Finding] = []
        for version in self._store.versions():
            if job.stop_requested():
                raise KeyboardInterrupt
            try:
                text = self._store.fetch_version(version)
            except NotFoundError:
                continue  # it expired meanwhile
            if envelope_is_of(text, user_id):
                location: JsonObject = {"object": f"s3://{version.bucket}/{version.key}", "version": version.version_id}
                findings.append(Finding(location, json_or_text(text)))
        return Reading(findings)


def envelope_is_of(text: str, user_id: str) -> bool:
    """Say whether a failed record's envelope, or whatever the text is, is about the user."""
    envelope = read_envelope(text)
    if isinstance(envelope, str):
        return message_is_of(text, user_id)
    return envelope.user_id == user_id or is_of(envelope.record, user_id)


def plain(item: Image) -> JsonObject:
    """Return an item, as botocore returns it or in a stream's form, in plain JSON values."""
    values = {name: unmarshal(convert_binary(value, base64_text)) for name, value in item.items()}
    return json.loads(json_line(values))
