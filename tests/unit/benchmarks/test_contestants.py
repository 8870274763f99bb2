"""A contestant that does other work than it is measured for ends the benchmark."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from benchmarks.aws_stub import running_stub
from benchmarks.contestants import BARE, BARE_CLIENT, OtherWorkError, cold_start_seconds, registration
from benchmarks.events import stream_event
from benchmarks.peers.registration import transaction

CREATED = {"statusCode": 201}


def test_a_cold_start_fails_if_the_answer_names_a_failed_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "failing.py").write_text(
        "def handler(event, context): return {'batchItemFailures': [{'itemIdentifier': '1'}]}"
    )
    monkeypatch.chdir(tmp_path)  # `python -m` finds modules there.
    with running_stub() as stub, pytest.raises(OtherWorkError, match=r"failing\.handler answered"):
        cold_start_seconds("failing.handler", {}, stub, calls=["BatchWriteItem"], expected={"batchItemFailures": []})


def test_a_cold_start_makes_its_one_call_and_no_other() -> None:
    with running_stub() as stub:
        event, bare = stream_event(1), BARE_CLIENT[BARE]
        assert cold_start_seconds(bare, event, stub, calls=["TransactWriteItems"], expected=CREATED) > 0
        with pytest.raises(OtherWorkError, match="instead of one PutItem"):
            cold_start_seconds(bare, event, stub, calls=["PutItem"], expected=CREATED)


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERS_TABLE", "Users")
    monkeypatch.setenv("USER_KEYS_TABLE", "UserKeys")


def effects() -> dict[str, Any]:
    user_id, request = transaction("Eve", "eve@example.com", "eve.toto")
    answer = {"statusCode": 201, "body": json.dumps({"userId": user_id})}
    return {"answer": answer, "requests": [["TransactWriteItems", request]]}


def test_registrations_with_other_ids_and_times_are_the_same_work() -> None:
    assert registration(effects()) == registration(effects())


def test_a_registration_without_a_time_or_a_condition_is_other_work() -> None:
    without_a_time, without_a_condition = deepcopy(effects()), deepcopy(effects())
    del without_a_time["requests"][0][1]["TransactItems"][0]["Put"]["Item"]["updatedAt"]
    assert registration(without_a_time) != registration(effects())
    del without_a_condition["requests"][0][1]["TransactItems"][2]["Put"]["ConditionExpression"]
    with pytest.raises(OtherWorkError, match="written over"):
        registration(without_a_condition)
