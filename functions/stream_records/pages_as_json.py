"""GetRecords' answers as the JSON they come as, since botocore's parser takes most of a page's time.

botocore walks each typed value by its service model, some 40 µs per record, and the wire's form is the one that an
event has but for the times. So the records are taken out of the answer's body before it is parsed, and come back
unparsed; the rest of the answer and every error stay botocore's. That is one of botocore's public events.
docs/decisions/records-as-they-came.md has the figures; a test holds both forms to give the same event.
"""

import json
from typing import TYPE_CHECKING

from functions.json_types import JsonObject

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams.client import DynamoDBStreamsClient

_FIRST_ERROR_STATUS = 300


def read_records_as_json(client: "DynamoDBStreamsClient") -> None:
    """Let this client give records as they came, for `lambda_record`; to say it again changes nothing."""
    client.meta.events.register(
        "before-parse.dynamodb-streams.GetRecords", _take_records, unique_id="records-as-json-take"
    )


def _take_records(response_dict: JsonObject, customized_response_dict: JsonObject, **_: object) -> None:
    if response_dict["status_code"] >= _FIRST_ERROR_STATUS:
        return
    try:
        answer = json.loads(response_dict["body"])
    except ValueError:
        return  # for the client to refuse
    customized_response_dict["Records"] = answer.pop("Records", [])
    response_dict["body"] = json.dumps(answer).encode("ascii")
