"""The poller in its own process, as the local stack runs it, on the emulator."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.naming import PROJECT_ROOT
from tests.support.aws.dynamodb_endpoints import DynamoDBEndpoint, emulator
from tests.support.local import poller_process
from tests.support.local.mapped_function import READ, SEND, MappedFunction, create_mapped_function, eventually
from tests.support.local.poller_process import PollerProcess

Create = Callable[..., MappedFunction]


@pytest.fixture
def create(dynamodb_emulator: DynamoDBEndpoint, tmp_path: Path) -> Create:
    def with_settings(**settings: Any) -> MappedFunction:
        usual: dict[str, Any] = {
            "BatchSize": 10,
            "MaximumRetryAttempts": 1,
            "BisectBatchOnFunctionError": True,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }
        return create_mapped_function(dynamodb_emulator, tmp_path, **(usual | settings))

    return with_settings


@contextmanager
def polling(mapped: MappedFunction, directory: Path) -> Generator[PollerProcess]:
    """Run the poller of one mapping for the time of the block."""
    with poller_process.polling(mapped.clients, directory, mapped.mapping_uuid) as poller:
        yield poller


def test_records_arrive_in_order_and_in_lambda_s_form(create: Create, tmp_path: Path) -> None:
    mapped = create()
    mapped.put("a", photo={"B": b"\x01\x02"}, size={"N": "1.50"})
    mapped.put("a", then="nothing")
    mapped.clients.dynamodb.delete_item(TableName=mapped.table, Key={"id": {"S": "a"}})
    with polling(mapped, tmp_path):
        eventually(mapped.delivered, lambda names: len(names) == 3)
    records = [record for call in mapped.calls() for record in call["event"]["Records"]]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    insert = records[0]
    assert insert.keys() == {
        *("eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb", "eventSourceARN")
    }
    assert (insert["eventVersion"], insert["eventSource"]) == ("1.1", "aws:dynamodb")
    assert insert["eventSourceARN"] == mapped.stream_arn
    assert isinstance(insert["dynamodb"]["ApproximateCreationDateTime"], float)
    assert insert["dynamodb"]["NewImage"]["photo"] == {"B": "AQI="}
    assert insert["dynamodb"]["NewImage"]["size"]["N"].startswith("1.5")


def test_one_record_that_raises_is_isolated_and_gets_a_failure_document(create: Create, tmp_path: Path) -> None:
    mapped = create()
    for number in range(1, 5):
        mapped.put(str(number), "raise" if number == 2 else "succeed")
    with polling(mapped, tmp_path):
        (document,) = eventually(mapped.documents, bool)
        eventually(mapped.delivered, lambda names: names[-2:] == ["3", "4"])
    assert mapped.batches() == [["1", "2", "3", "4"], ["1", "2"], ["1"], ["2"], ["2"], ["3", "4"]]
    bad = mapped.calls()[0]["event"]["Records"][1]["dynamodb"]["SequenceNumber"]
    assert document["requestContext"]["functionArn"] == mapped.function_arn
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert document["requestContext"]["approximateInvokeCount"] == 2
    assert document["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    batch = document["DDBStreamBatchInfo"]
    assert (batch["startSequenceNumber"], batch["endSequenceNumber"], batch["batchSize"]) == (bad, bad, 1)
    assert batch["streamArn"] == mapped.stream_arn


def test_a_partial_response_is_followed(create: Create, tmp_path: Path) -> None:
    mapped = create(MaximumRetryAttempts=1)
    for number in range(1, 5):
        mapped.put(str(number), "partial" if number == 2 else "succeed")
    with polling(mapped, tmp_path):
        (document,) = eventually(mapped.documents, bool)
        eventually(mapped.delivered, lambda names: names[-2:] == ["3", "4"])
    assert mapped.batches() == [["1", "2", "3", "4"], ["2", "3", "4"], ["2"], ["2"], ["3", "4"]]
    assert document["responseContext"]["functionError"] is None


def test_a_retry_and_the_failure_document_have_the_request_id_of_the_first_invocation(
    create: Create, tmp_path: Path
) -> None:
    mapped = create(MaximumRetryAttempts=3)
    for number in range(1, 5):
        mapped.put(str(number), "raise" if number == 2 else "succeed")
    with polling(mapped, tmp_path):
        (document,) = eventually(mapped.documents, bool)
        eventually(mapped.delivered, lambda names: names[-2:] == ["3", "4"])
    ids: dict[tuple[str, ...], set[str]] = {}
    for call in mapped.calls():
        ids.setdefault(tuple(call["names"]), set()).add(call["requestId"])
    assert {names: len(found) for names, found in ids.items()} == dict.fromkeys(ids, 1)
    assert len({found for names in ids.values() for found in names}) == len(ids) == 5
    assert ids["2",] == {document["requestContext"]["requestId"]}
    assert document["requestContext"]["approximateInvokeCount"] == 4


@pytest.mark.parametrize("death", ["exit", "sleep"])
def test_a_function_that_dies_is_a_function_error(create: Create, tmp_path: Path, death: str) -> None:
    mapped = create(MaximumRetryAttempts=0)
    mapped.clients.lambda_.update_function_configuration(FunctionName=mapped.function, Timeout=1)
    mapped.put("bad", death)
    mapped.put("good")
    with polling(mapped, tmp_path):
        (document,) = eventually(mapped.documents, bool)
        eventually(mapped.delivered, lambda names: names[-1:] == ["good"])
    assert document["responseContext"]["functionError"] == "Unhandled"


def test_a_throttled_function_gets_its_records_later_without_losing_an_attempt(create: Create, tmp_path: Path) -> None:
    mapped = create(MaximumRetryAttempts=0)
    mapped.clients.lambda_.put_function_concurrency(FunctionName=mapped.function, ReservedConcurrentExecutions=0)
    mapped.put("a")
    with polling(mapped, tmp_path) as poller:
        eventually(poller.logged, lambda logged: "FUNCTION NOT INVOKED:" in logged)
        time.sleep(0.5)
        assert mapped.delivered() == []
        mapped.clients.lambda_.delete_function_concurrency(FunctionName=mapped.function)
        eventually(mapped.delivered, lambda names: names == ["a"])
        eventually(poller.logged, lambda logged: "FUNCTION INVOKED AGAIN:" in logged)
    assert mapped.documents() == []
    assert poller.logged().count("FUNCTION NOT INVOKED:") == 1


def test_an_expired_record_gets_a_document_and_younger_ones_are_delivered(create: Create, tmp_path: Path) -> None:
    mapped = create(MaximumRecordAgeInSeconds=5)
    mapped.put("old")
    time.sleep(7)
    with polling(mapped, tmp_path):
        (document,) = eventually(mapped.documents, bool)
        mapped.put("young")
        eventually(mapped.delivered, lambda names: names == ["young"])
    assert "responseContext" not in document
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert document["requestContext"]["approximateInvokeCount"] == 1


def test_a_killed_poller_resumes_from_its_checkpoint(create: Create, tmp_path: Path) -> None:
    mapped = create()
    mapped.put("before")
    with polling(mapped, tmp_path) as poller:
        eventually(mapped.delivered, lambda names: names == ["before"])
        eventually(lambda: list((tmp_path / "checkpoints").glob("*.json")), bool)
        mapped.put("under way", "slow")
        eventually(mapped.delivered, lambda names: len(names) == 2)
        poller.process.kill()
    mapped.put("after")
    with polling(mapped, tmp_path):
        eventually(mapped.delivered, lambda names: "after" in names)
    assert mapped.delivered().count("before") == 1
    assert mapped.delivered().count("under way") == 2


def test_the_poller_ends_at_once_when_nothing_is_in_flight(create: Create, tmp_path: Path) -> None:
    mapped = create()
    mapped.put("a")
    with polling(mapped, tmp_path) as poller:
        eventually(mapped.delivered, bool)
        eventually(poller.logged, lambda logged: "BATCH DELIVERED:" in logged)
        poller.process.terminate()
        assert poller.process.wait(timeout=10) == 0
    assert poller.logged()[-1] == "DELIVERY ENDED:"


def test_missing_read_permission_is_logged_and_delivery_continues_once_granted(create: Create, tmp_path: Path) -> None:
    mapped = create()
    mapped.allow(*SEND)
    mapped.put("a")
    with polling(mapped, tmp_path) as poller:
        eventually(poller.logged, lambda logged: "STREAM OUT OF REACH:" in logged)
        mapped.put("b")
        mapped.allow(*READ, *SEND)
        eventually(mapped.delivered, lambda names: names == ["a", "b"])
        mapped.allow(*SEND)
        eventually(poller.logged, lambda logged: "SHARD OUT OF REACH:" in logged)
        mapped.put("c")
        mapped.allow(*READ, *SEND)
        eventually(mapped.delivered, lambda names: names == ["a", "b", "c"])
    assert poller.logged().count("STREAM OUT OF REACH:") == 1
    assert poller.logged().count("SHARD OUT OF REACH:") == 1
    denied = next(line for line in poller.lines() if line["message"] == "STREAM OUT OF REACH:")
    assert "dynamodb:DescribeStream" in denied["reason"]


def test_records_are_dropped_and_logged_without_permission_to_send(create: Create, tmp_path: Path) -> None:
    mapped = create(MaximumRetryAttempts=0)
    mapped.allow(*READ)
    mapped.put("bad", "raise")
    with polling(mapped, tmp_path) as poller:
        eventually(poller.logged, lambda logged: "RECORDS DROPPED:" in logged)
        mapped.put("good")
        eventually(mapped.delivered, lambda names: names[-1] == "good")
    dropped = next(line for line in poller.lines() if line["message"] == "RECORDS DROPPED:")
    assert "sqs:SendMessage" in dropped["reason"]
    assert dropped["records"] == 1
    assert mapped.documents() == []


def test_a_changed_mapping_is_followed(create: Create, tmp_path: Path) -> None:
    mapped = create(BatchSize=1)
    for name in ("a", "b"):
        mapped.put(name)
    with polling(mapped, tmp_path) as poller:
        eventually(mapped.batches, lambda batches: batches == [["a"], ["b"]])
        mapped.clients.lambda_.update_event_source_mapping(
            UUID=mapped.mapping_uuid, BatchSize=10, MaximumBatchingWindowInSeconds=1
        )
        eventually(poller.logged, lambda logged: logged.count("DELIVERY BEGUN:") == 2)
        for name in ("c", "d", "e"):
            mapped.put(name)
        eventually(mapped.batches, lambda batches: batches == [["a"], ["b"], ["c", "d", "e"]])


def test_a_deleted_mapping_is_no_longer_delivered(create: Create, tmp_path: Path) -> None:
    mapped = create()
    mapped.put("a")
    with polling(mapped, tmp_path) as poller:
        eventually(mapped.delivered, lambda names: names == ["a"])
        mapped.clients.lambda_.delete_event_source_mapping(UUID=mapped.mapping_uuid)
        eventually(poller.logged, lambda logged: logged[-2:] == ["MAPPING REMOVED:", "DELIVERY ENDED:"])
        mapped.put("b")
        time.sleep(1)
    assert mapped.delivered() == ["a"]


def test_two_pollers_of_one_mapping_do_not_deliver_twice(create: Create, tmp_path: Path) -> None:
    mapped = create()
    with polling(mapped, tmp_path) as first:
        eventually(first.logged, lambda logged: "DELIVERY BEGUN:" in logged)
        with polling(mapped, tmp_path) as second:
            eventually(
                second.lines, lambda lines: any("End that one first" in line.get("reason", "") for line in lines)
            )
            mapped.put("a")
            eventually(first.logged, lambda logged: "BATCH DELIVERED:" in logged)
            first.process.terminate()
            mapped.put("b")
            eventually(mapped.delivered, lambda names: names == ["a", "b"])


def test_a_dead_emulator_is_logged_once_and_waited_for(tmp_path: Path) -> None:
    with emulator() as endpoint:
        mapped = create_mapped_function(endpoint, tmp_path)
        mapped.put("a")
        poller = PollerProcess(mapped.clients, tmp_path, mapped.mapping_uuid)
        eventually(mapped.delivered, lambda names: names == ["a"])
    eventually(poller.logged, lambda logged: "SHARD OUT OF REACH:" in logged)
    time.sleep(1)
    assert poller.process.poll() is None
    assert poller.logged().count("SHARD OUT OF REACH:") == 1
    poller.process.terminate()
    assert poller.process.wait(timeout=10) == 0


def test_lanes_keep_the_order_of_each_item(create: Create, tmp_path: Path) -> None:
    mapped = create(ParallelizationFactor=3, BatchSize=4)
    for version in range(5):
        for name in "abcdef":
            mapped.put(name, version={"N": str(version)})
    with polling(mapped, tmp_path):
        eventually(mapped.delivered, lambda names: len(names) == 30)
    seen: dict[str, list[str]] = {}
    for call in mapped.calls():
        for record in call["event"]["Records"]:
            image = record["dynamodb"]["NewImage"]
            seen.setdefault(image["id"]["S"], []).append(image["version"]["N"])
    assert seen == {name: ["0", "1", "2", "3", "4"] for name in "abcdef"}


def test_a_stack_that_does_not_run_is_reported_without_a_traceback() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "local.event_source_mappings", "--state-dir", "/nowhere/at/all"],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr + run.stdout
    assert "make up" in run.stdout
