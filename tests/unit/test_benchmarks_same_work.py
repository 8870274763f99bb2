"""A contestant that does other work than it is measured for ends the benchmark."""

import json
from pathlib import Path

import pytest

from benchmarks.aws_stub import running_stub
from benchmarks.cold_start import CREATED, NOTHING_FAILED, Start, run_start
from benchmarks.contestants import BARE, REGISTER, Handler
from benchmarks.events import stream_event
from benchmarks.paired import run_process
from benchmarks.same_work import OtherWorkError


def test_a_cold_start_whose_record_failed_is_none(tmp_path: Path) -> None:
    failing = tmp_path / "failing.py"
    failing.write_text("def handler(event, context): return {'batchItemFailures': [{'itemIdentifier': '1'}]}")
    environment = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"}
    with pytest.raises(RuntimeError, match="failing answered"):
        run_process(Handler("failing").first_answer(NOTHING_FAILED), environment, standard_input=b"{}")


def test_a_cold_start_makes_its_one_call_and_no_other() -> None:
    body = json.dumps(stream_event(1)).encode()
    with running_stub() as stub:
        run = run_start(Start(REGISTER[BARE], "TransactWriteItems", CREATED), stub, body)
        assert int(run.output.split()[-1]) > 1000
        with pytest.raises(OtherWorkError, match="instead of one PutItem"):
            run_start(Start(REGISTER[BARE], "PutItem", CREATED), stub, body)
