"""Warm figures, AWS stubbed in process: registrations, and stream records at growing batch sizes."""

import contextlib
import importlib
import io
import json
import os
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

from benchmarks.cold_start import REGISTER_CONTESTANTS, function_environment
from benchmarks.events import REGISTER_EVENT, stream_event
from benchmarks.paired import in_turn
from benchmarks.wire import stub
from functions.activity.writer import WriteOutcome
from functions.failed_records.failed_record import FailedRecord
from functions.failed_records.sender import SendOutcome
from functions.log_user_changes.batch import process_batch
from functions.stream_records.user_change import UserChange
from functions.structured_log import CollectedLog

BATCH_SIZES = (1, 10, 100, 1000)
CALLS_A_ROUND = 300
RECORDS_A_ROUND = 2000

CONTEXT = SimpleNamespace(
    aws_request_id="benchmark",
    function_name="benchmark",
    function_version="$LATEST",
    invoked_function_arn="arn:aws:lambda:eu-west-1:000000000000:function:benchmark",
    memory_limit_in_mb=256,
    get_remaining_time_in_millis=lambda: 10_000,
)


class _FlushedAtEachWrite(io.TextIOBase):
    """Standard output as Lambda's Python runtime has it (awslambdaric, `bootstrap.py`)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        written = self._stream.write(text)
        self._stream.flush()
        return written


@contextlib.contextmanager
def _lambda_environment() -> Generator[None]:
    """The functions' environment variables in this process, and what they print thrown away at each write."""
    before = dict(os.environ)
    os.environ.update(function_environment("http://127.0.0.1:9"))
    try:
        with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(_FlushedAtEachWrite(nothing)):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _client_of(module: Any, operation_owner: str = "dynamodb") -> Any:
    if hasattr(module, "client"):
        return module.client
    return getattr(importlib.import_module("functions.aws_clients"), operation_owner)()


def warm_register(rounds: int) -> dict[str, list[float]]:
    """Seconds per registration, round by round, for every contestant that answers requests."""
    names = {name: module for name, module in REGISTER_CONTESTANTS.items() if name != "bare boto3 client"}
    with _lambda_environment():
        modules = {name: importlib.import_module(module) for name, module in names.items()}
        for module in modules.values():
            stub(_client_of(module))
        return in_turn(
            {
                name: _seconds_per_call(module.handler, REGISTER_EVENT, CALLS_A_ROUND)
                for name, module in modules.items()
            },
            rounds=rounds,
        )


def stream_records(rounds: int) -> dict[tuple[int, bool], dict[str, list[float]]]:
    """Seconds per record by (batch size, with Activity), for log_user_changes and its two yardsticks."""
    results: dict[tuple[int, bool], dict[str, list[float]]] = {}
    with _lambda_environment():
        ours = importlib.import_module("functions.log_user_changes.handler")
        powertools = importlib.import_module("benchmarks.peers.powertools_stream")
        stub(_client_of(ours))
        stub(powertools.client)
        for size in BATCH_SIZES:
            event = stream_event(size)
            calls = max(1, RECORDS_A_ROUND // size)
            for with_activity in (False, True):
                setattr(powertools, "write_activity", with_activity)  # noqa: B010 - a module, whose names types can't know
                contestants = {
                    "log_user_changes": _seconds_per_call(
                        _log_user_changes(ours, with_activity=with_activity), event, calls
                    ),
                    "Powertools batch": _seconds_per_call(powertools.handler, event, calls),
                    "json.dumps of both images": _seconds_per_call(_dump_images, event, calls),
                }
                per_call = in_turn(contestants, rounds=rounds)
                results[size, with_activity] = {
                    name: [seconds / size for seconds in samples] for name, samples in per_call.items()
                }
    return results


def aws_calls_per_record(batch_size: int) -> float:
    """AWS calls that one record of a full batch costs log_user_changes."""
    with _lambda_environment():
        ours = importlib.import_module("functions.log_user_changes.handler")
        calls = stub(_client_of(ours))
        ours.handler(stream_event(batch_size), CONTEXT)
        return calls.total() / batch_size


def _seconds_per_call(handler: Callable[[Any, Any], Any], event: dict[str, Any], calls: int) -> Callable[[], float]:
    def measure() -> float:
        start = time.process_time()
        for _ in range(calls):
            handler(event, CONTEXT)
        return (time.process_time() - start) / calls

    return measure


class _NoActivity:
    """Takes every change and keeps none: what is left is reading, describing and logging."""

    def write(self, changes: Sequence[UserChange]) -> WriteOutcome:
        return WriteOutcome(len(changes), {}, None)


class _NoDeadLetters:
    """Is never given a record, since all of the input is good."""

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        if failed_records:
            raise AssertionError(f"a good record was set aside: {failed_records[0].reason}")
        return SendOutcome(0, None)


def _log_user_changes(module: Any, *, with_activity: bool) -> Callable[[Any, Any], Any]:
    if with_activity:
        return module.handler

    def without_activity(event: dict[str, Any], context: Any) -> object:
        log = CollectedLog()
        try:
            return process_batch(
                event["Records"],
                activity=_NoActivity(),
                dead_letters=_NoDeadLetters(),
                log=log,
                mask_personal_data=False,
                source_function=context.invoked_function_arn,
                now=time.time,
            ).response()
        finally:
            log.write()

    return without_activity


def _dump_images(event: dict[str, Any], _context: object) -> None:
    for record in event["Records"]:
        change = record["dynamodb"]
        json.dumps(change.get("OldImage"))
        json.dumps(change.get("NewImage"))
