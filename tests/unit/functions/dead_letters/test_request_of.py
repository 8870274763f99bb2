"""The request of a failed record, whatever form the record has."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.dead_letters.envelope import request_of
from functions.runtime.json_log import Json, JsonObject
from tests.support.ops.declared_consumers import activity_record, queue_record
from tests.support.records.record_strategies import stream_record

ID = "JKJaXmPLvHcESHA="
WRITTEN: JsonObject = {
    "userId": {"S": "eve"},
    "version": {"N": "1"},
    "changedBy": {"M": {"actor": {"S": "self"}, "version": {"N": "1"}, "requestId": {"S": ID}}},
}


def test_a_record_of_each_source_names_it() -> None:
    of_activity = activity_record(1)
    of_activity["dynamodb"]["NewImage"]["requestId"] = {"S": ID}
    of_queue = queue_record(1)
    of_queue["body"] = json.dumps({**json.loads(of_queue["body"]), "requestId": ID})
    for record in (stream_record("INSERT", 0, "eve", None, WRITTEN), of_activity, of_queue):
        assert request_of(record) == {"requestId": ID}


@pytest.mark.parametrize(
    "record",
    [
        stream_record("REMOVE", 0, "eve", WRITTEN, None),
        activity_record(1),
        queue_record(1),
        {"eventSource": "aws:sqs", "body": '{"requestId": "two words"}'},
        {"eventSource": "aws:sqs", "body": "{"},
        {"dynamodb": {"NewImage": {**WRITTEN, "version": {"N": "x"}}}},
        {
            "dynamodb": {
                "NewImage": {**WRITTEN, "changedBy": {"M": {**WRITTEN["changedBy"]["M"], "version": 1}}, "version": 1}
            }
        },
    ],
)
def test_one_without_a_request_names_none(record: Json) -> None:
    assert request_of(record) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["M", "N", "S", "version", "requestId"]), inner, max_size=3)
    ),
)


@given(JSON, JSON, JSON)
def test_no_form_of_a_record_is_an_error(changed_by: Json, version: Json, old: Json) -> None:
    image = {**WRITTEN, "changedBy": changed_by, "version": version}
    assert request_of({"dynamodb": {"OldImage": old, "NewImage": image}}) in ({}, {"requestId": ID})
    by = {"M": {**WRITTEN["changedBy"]["M"], "version": version}}
    assert request_of({"dynamodb": {"OldImage": old, "NewImage": {**image, "changedBy": by}}}) in (
        {},
        {"requestId": ID},
    )
    assert request_of(version) == {}
