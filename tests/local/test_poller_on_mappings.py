"""One poller process serves every mapping of an account, streams and queues, on the emulator."""

import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.aws_clients import Clients
from tests.support.aws.dynamodb_endpoints import DynamoDBEndpoint, emulator
from tests.support.local.mapped_function import MappedFunction, create_mapped_function, eventually
from tests.support.local.mapped_queue import VISIBILITY_SECONDS, MappedQueue, create_mapped_queue
from tests.support.local.poller_process import PollerProcess, polling

CHANGES = 2_000
USUAL: dict[str, Any] = {"BatchSize": 100, "FunctionResponseTypes": ["ReportBatchItemFailures"]}


@pytest.fixture(scope="module")
def endpoint() -> Generator[DynamoDBEndpoint]:
    with emulator() as running:
        yield running


@pytest.fixture
def clients(endpoint: DynamoDBEndpoint) -> Generator[Clients]:
    """Clients of an account without mappings."""
    found = Clients(endpoint.url, "us-east-1", *endpoint.keys)
    yield found
    for mapping in found.lambda_.list_event_source_mappings()["EventSourceMappings"]:
        found.lambda_.delete_event_source_mapping(UUID=mapping.get("UUID", ""))


def test_two_streams_and_a_queue_are_delivered_each_to_its_function(
    endpoint: DynamoDBEndpoint, clients: Clients, tmp_path: Path
) -> None:
    streams = [create_mapped_function(endpoint, tmp_path, **USUAL) for _ in range(2)]
    queue = create_mapped_queue(clients, tmp_path, fifo=True)
    with polling(clients, tmp_path) as poller:
        for number, stream in enumerate(streams):
            stream.put(f"stream {number}")
        queue.send("queue")
        for number, stream in enumerate(streams):
            eventually(stream.delivered, lambda names, number=number: names == [f"stream {number}"])
        eventually(queue.delivered, lambda names: names == ["queue"])
        eventually(queue.left, lambda left: left == 0)
        served = eventually(
            poller.mappings,
            lambda found: len(found) == 3 and all(each.counts["InvokedEventCount"] for each in found.values()),
        )
    assert {status.function_name for status in served.values()} == {
        *(stream.function for stream in streams),
        queue.function,
    }
    assert {status.state for status in served.values()} == {"delivering"}
    assert len(list((tmp_path / "checkpoints").glob("*.json"))) == 3
    for line in poller.lines():
        if line["message"] == "BATCH DELIVERED:":
            assert served[line["mapping"]].function_name == line["function"]


def test_mappings_are_followed_as_they_are_made_changed_and_removed(clients: Clients, tmp_path: Path) -> None:
    with polling(clients, tmp_path) as poller:
        first = create_mapped_queue(clients, tmp_path)
        first.send("a")
        eventually(first.delivered, lambda names: names == ["a"], seconds=10)
        second = create_mapped_queue(clients, tmp_path)
        clients.lambda_.update_event_source_mapping(
            UUID=first.mapping_uuid, BatchSize=50, MaximumBatchingWindowInSeconds=1
        )
        eventually(poller.logged, lambda logged: logged.count("DELIVERY BEGUN:") == 3, seconds=10)
        for number in range(12):
            first.send(f"{number}")
        eventually(first.calls, lambda calls: max(len(call["names"]) for call in calls) > 10)
        clients.lambda_.delete_event_source_mapping(UUID=first.mapping_uuid)
        eventually(poller.mappings, lambda found: found.keys() == {second.mapping_uuid}, seconds=10)
        first.send("late")
        second.send("b")
        eventually(second.delivered, lambda names: names == ["b"])
        assert "late" not in first.delivered()


def test_a_mapping_that_cannot_be_served_is_named_and_the_others_are_served(clients: Clients, tmp_path: Path) -> None:
    queue = create_mapped_queue(clients, tmp_path)
    refused = create_mapped_queue(
        clients, tmp_path, FilterCriteria={"Filters": [{"Pattern": '{"body": [{"wildcard": "*"}]}'}]}
    )
    orphan = create_mapped_queue(clients, tmp_path)
    clients.lambda_.delete_function(FunctionName=orphan.function)
    with polling(clients, tmp_path) as poller:
        for each in (queue, refused, orphan):
            each.send("a")
        eventually(queue.delivered, lambda names: names == ["a"])
        found = poller.mappings()
        time.sleep(2.5)
    assert found[refused.mapping_uuid].state == "refused"
    assert "wildcard" in found[refused.mapping_uuid].reason
    assert found[orphan.mapping_uuid].state == "waiting"
    assert (refused.delivered(), refused.left()) == ([], 1)
    # Once each, though the poller looks every second.
    assert poller.logged().count("NO DELIVERY:") == 2


def test_a_disabled_mapping_waits_and_goes_on_where_it_stopped(clients: Clients, tmp_path: Path) -> None:
    queue = create_mapped_queue(clients, tmp_path)

    def switch(*, on: bool) -> None:
        clients.lambda_.update_event_source_mapping(UUID=queue.mapping_uuid, Enabled=on)

    with polling(clients, tmp_path) as poller:
        queue.send("before")
        eventually(queue.delivered, lambda names: names == ["before"])

        switch(on=False)
        eventually(poller.mappings, lambda found: found[queue.mapping_uuid].state == "disabled")
        queue.send("meanwhile")
        time.sleep(2.5)
        assert (queue.delivered(), queue.left()) == (["before"], 1)

        switch(on=True)
        eventually(queue.delivered, lambda names: names == ["before", "meanwhile"])
        eventually(poller.mappings, lambda found: found[queue.mapping_uuid].counts["InvokedEventCount"] == 2)
    logged = poller.logged()
    assert "MAPPING STOPPED:" in logged


def test_the_emulator_delivers_nothing_by_itself(clients: Clients, tmp_path: Path) -> None:
    queue = create_mapped_queue(clients, tmp_path)
    assert clients.lambda_.get_event_source_mapping(UUID=queue.mapping_uuid).get("State") == "Enabled"

    queue.send("a")
    time.sleep(2.5)

    assert (queue.delivered(), queue.left()) == ([], 1)


def test_a_message_arrives_in_lambda_s_form_soon_after_it_was_sent(clients: Clients, tmp_path: Path) -> None:
    queue = create_mapped_queue(clients, tmp_path, fifo=True)
    with polling(clients, tmp_path):
        queue.send("warm-up")
        eventually(queue.delivered, bool)
        time.sleep(1)
        waits: list[float] = []
        for number in range(5):
            sent = time.monotonic()
            queue.send(f"{number}")
            eventually(queue.delivered, lambda names, number=number: names[-1] == f"{number}")
            waits.append(time.monotonic() - sent)
    # Measured 0.15 s; the rest is for a busy machine.
    assert sorted(waits)[2] < 1.0
    record = queue.calls()[0]["event"]["Records"][0]
    assert record.keys() == {
        *(
            "messageId",
            "receiptHandle",
            "body",
            "attributes",
            "messageAttributes",
            "md5OfBody",
            "md5OfMessageAttributes",
        ),
        *("eventSource", "eventSourceARN", "awsRegion"),
    }
    assert record["attributes"].keys() >= {
        *("ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"),
        *("MessageGroupId", "MessageDeduplicationId", "SequenceNumber"),
    }
    assert record["messageAttributes"]["kind"]["stringValue"] == "ADDED"
    assert (record["eventSourceARN"], record["awsRegion"]) == (queue.queue_arn, "us-east-1")


def test_a_group_waits_behind_its_failed_message_and_other_groups_go_on(clients: Clients, tmp_path: Path) -> None:
    queue = create_mapped_queue(clients, tmp_path, fifo=True, BatchSize=1)
    with polling(clients, tmp_path):
        queue.send("bad", "once", group="a")
        queue.send("behind", group="a")
        queue.send("beside", group="b")
        eventually(queue.delivered, lambda names: "beside" in names)
        time.sleep(1)
        assert "behind" not in queue.delivered()
        _show_all(queue)
        eventually(queue.left, lambda left: left == 0)
    assert [name for name in queue.delivered() if name != "beside"] == ["bad", "bad", "behind"]


def test_what_a_killed_poller_had_in_flight_does_not_wait_for_the_visibility_timeout(
    clients: Clients, tmp_path: Path
) -> None:
    queue = create_mapped_queue(clients, tmp_path, fifo=True)
    with polling(clients, tmp_path) as poller:
        queue.send("under way", "slow")
        eventually(queue.delivered, bool)
        poller.process.kill()
        poller.process.wait()
    killed = time.monotonic()
    with polling(clients, tmp_path):
        eventually(queue.delivered, lambda names: names == ["under way"] * 2, seconds=30)
        eventually(queue.left, lambda left: left == 0, seconds=30)
    assert time.monotonic() - killed < VISIBILITY_SECONDS / 4


def test_records_are_filtered_before_batches_are_made_and_counted(
    endpoint: DynamoDBEndpoint, clients: Clients, tmp_path: Path
) -> None:
    inserts = {
        "Filters": [{"Pattern": '{"eventName": ["INSERT"], "dynamodb": {"Keys": {"id": {"S": [{"prefix": "u"}]}}}}'}]
    }
    stream = create_mapped_function(endpoint, tmp_path, **(USUAL | {"BatchSize": 4, "FilterCriteria": inserts}))
    succeeding = create_mapped_queue(
        clients, tmp_path, FilterCriteria={"Filters": [{"Pattern": '{"body": {"then": ["succeed"]}}'}]}
    )
    for number in range(8):
        stream.put(f"u{number}")
        stream.put(f"u{number}", then="rewritten")
        stream.put(f"x{number}")
    succeeding.send("a", "raise")
    succeeding.send("b")
    with polling(clients, tmp_path) as poller:
        eventually(stream.batches, lambda batches: len(batches) == 2)
        eventually(succeeding.left, lambda left: left == 0)
        eventually(poller.mappings, lambda found: found[stream.mapping_uuid].counts["FilteredOutEventCount"] == 16)
        # The function has a batch before its invocation has ended and counts.
        eventually(poller.mappings, lambda found: found[stream.mapping_uuid].counts["InvokedEventCount"] == 8)
    assert stream.batches() == [[f"u{number}" for number in range(4)], [f"u{number}" for number in range(4, 8)]]
    assert succeeding.delivered() == ["b"]
    # A poller that ends publishes what it counted since the last minute.
    counted = {name: _metric(clients, stream.mapping_uuid, name) for name in ("Polled", "FilteredOut", "Invoked")}
    assert counted == {"Polled": 24, "FilteredOut": 16, "Invoked": 8}
    assert _metric(clients, succeeding.mapping_uuid, "Deleted") == 2


def test_every_consumer_gets_all_changes_once_in_effect_while_the_poller_is_killed_and_one_function_is_throttled(
    endpoint: DynamoDBEndpoint, clients: Clients, tmp_path: Path
) -> None:
    stream = create_mapped_function(endpoint, tmp_path, **USUAL)
    queue = create_mapped_queue(clients, tmp_path, fifo=True)
    throttled = create_mapped_queue(clients, tmp_path)
    clients.lambda_.put_function_concurrency(FunctionName=throttled.function, ReservedConcurrentExecutions=0)
    wanted = [f"{number:04}" for number in range(CHANGES)]
    throttled.send("patient")
    poller = PollerProcess(clients, tmp_path)
    try:
        for start in range(0, CHANGES, 10):
            names = wanted[start : start + 10]
            _write_both(stream, queue, names)
            if start % 400 == 200:
                poller.process.kill()
                poller.process.wait()
                poller = PollerProcess(clients, tmp_path)
        eventually(lambda: set(stream.delivered()), lambda names: len(names) == CHANGES, seconds=120)
        eventually(lambda: set(queue.delivered()), lambda names: len(names) == CHANGES, seconds=120)
        eventually(queue.left, lambda left: left == 0)
        assert throttled.delivered() == []
        clients.lambda_.delete_function_concurrency(FunctionName=throttled.function)
        eventually(throttled.delivered, lambda names: names == ["patient"])
    finally:
        poller.process.terminate()
        poller.process.wait(timeout=20)
    assert stream.documents() == []
    for names in (stream.delivered(), queue.delivered()):
        assert set(names) == set(wanted)
        for group in range(10):
            firsts = [name for name in dict.fromkeys(names) if name.endswith(str(group))]
            assert firsts == [name for name in wanted if name.endswith(str(group))], "in order"


def _write_both(stream: MappedFunction, queue: MappedQueue, names: list[str]) -> None:
    """Write an item and send a message for each name; the last digit is the message's group."""
    puts: Any = [{"PutRequest": {"Item": {"id": {"S": name}, "then": {"S": "succeed"}}}} for name in names]
    stream.clients.dynamodb.batch_write_item(RequestItems={stream.table: puts})
    queue.clients.sqs.send_message_batch(
        QueueUrl=queue.queue_url,
        Entries=[
            {
                "Id": name,
                "MessageBody": f'{{"name": "{name}", "then": "succeed"}}',
                "MessageGroupId": name[-1],
                "MessageDeduplicationId": name,
            }
            for name in names
        ],
    )


def _show_all(queue: MappedQueue) -> None:
    """Show the queue's hidden messages, as if its visibility timeout were over."""
    record = next(record for call in queue.calls() for record in call["event"]["Records"] if '"once"' in record["body"])
    queue.clients.sqs.change_message_visibility(
        QueueUrl=queue.queue_url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
    )


def _metric(clients: Clients, mapping_uuid: str, name: str) -> float:
    now = datetime.now(UTC)
    answer = clients.cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=f"{name}EventCount",
        Dimensions=[{"Name": "EventSourceMappingUUID", "Value": mapping_uuid}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return sum(point.get("Sum", 0) for point in answer["Datapoints"])
