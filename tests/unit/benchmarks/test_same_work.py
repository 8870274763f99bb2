"""A contestant that does other work than it is measured for ends the benchmark."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.aws_stub import running_stub
from benchmarks.harness.contestants import BARE, REGISTER, Handler
from benchmarks.harness.events import stream_event
from benchmarks.harness.paired import run_process
from benchmarks.harness.same_work import OtherWorkError, registration
from benchmarks.harness.starts import CREATED, NOTHING_FAILED, Start, run_start
from benchmarks.peers.registration import transaction


def test_a_cold_start_whose_record_failed_is_none(tmp_path: Path) -> None:
    failing = tmp_path / "failing.py"
    failing.write_text("def handler(event, context): return {'batchItemFailures': [{'itemIdentifier': '1'}]}")
    environment = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}"}
    with pytest.raises(RuntimeError, match="failing answered"):
        run_process(Handler("failing").first_answer(NOTHING_FAILED), environment, standard_input=b"{}")


def test_a_cold_start_makes_its_one_call_and_no_other() -> None:
    body = json.dumps(stream_event(1)).encode()
    with running_stub() as stub:
        assert run_start(Start(REGISTER[BARE], "TransactWriteItems", CREATED), stub, body).wall > 0
        with pytest.raises(OtherWorkError, match="instead of one PutItem"):
            run_start(Start(REGISTER[BARE], "PutItem", CREATED), stub, body)


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERS_TABLE", "Users")
    monkeypatch.setenv("USER_KEYS_TABLE", "UserKeys")


def effects() -> dict[str, Any]:
    user_id, request = transaction("Eve", "eve@example.com", "eve.toto")
    answer = {"statusCode": 201, "body": json.dumps({"userId": user_id})}
    return {"answer": answer, "requests": [["TransactWriteItems", request]]}


def test_two_registrations_did_the_same_whatever_their_ids_and_times() -> None:
    assert registration(effects()) == registration(effects())


def test_a_registration_that_leaves_out_a_time_or_a_condition_did_other_work() -> None:
    without_a_time, without_a_condition = deepcopy(effects()), deepcopy(effects())
    del without_a_time["requests"][0][1]["TransactItems"][0]["Put"]["Item"]["updatedAt"]
    assert registration(without_a_time) != registration(effects())
    del without_a_condition["requests"][0][1]["TransactItems"][2]["Put"]["ConditionExpression"]
    with pytest.raises(OtherWorkError, match="written over"):
        registration(without_a_condition)
