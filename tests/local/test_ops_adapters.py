"""Queue, tables, function and bucket in memory behave as the adapters do on the emulator."""

import random
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from functions.activity.closing_item import deletion_note, erasure
from functions.activity.items import activity_item
from functions.runtime.json_log import JsonObject
from functions.stream_records.user_change import parse_user_change
from infra.consumers.declaration import Source
from local.aws_clients import Clients
from local.state import clients_of
from ops.aws.cloudwatch import Metric, Monitoring
from ops.aws.function import ConsumerFunction, InvocationResult
from ops.aws.queues import MessageQueue, OutgoingMessage
from ops.aws.tables import ActivityKey, ActivityReader, UsersReader
from ops.errors import CannotReachError, NotFoundError, UnreadableRecordError
from tests.support.local.local_stack import LocalStack, users_mapping
from tests.support.local.ops_stack import services_of
from tests.support.ops.ops_in_memory import StackInMemory, activity_key, envelope, of_stack
from tests.support.ops.queue_in_memory import Clock, QueueInMemory, StepLimit
from tests.support.records.record_strategies import stream_record

pytestmark = pytest.mark.local

MakeQueue = Callable[[], MessageQueue]


@pytest.fixture
def clients(local_stack: LocalStack) -> Clients:
    return clients_of(local_stack)


@pytest.fixture(params=["memory", "emulator"])
def make_queue(request: pytest.FixtureRequest) -> MakeQueue:
    if request.param == "memory":
        return lambda: QueueInMemory("q", Clock(), StepLimit(), random.Random(0))  # noqa: S311  a test's dice

    stack: LocalStack = request.getfixturevalue("local_stack")

    def make() -> MessageQueue:
        sqs = clients_of(stack).sqs
        return MessageQueue(sqs, sqs.create_queue(QueueName=f"ops-{uuid4().hex[:12]}")["QueueUrl"])

    return make


def all_visible(queue: MessageQueue, visibility_timeout: int = 60) -> list[Any]:
    received: list[Any] = []
    while messages := queue.receive(visibility_timeout):
        received += messages
    return received


def outgoing(number: int) -> list[OutgoingMessage]:
    return [OutgoingMessage(f"body {position}", {"kind": "permanent"}) for position in range(number)]


def test_a_received_message_is_in_flight_until_it_is_released(make_queue: MakeQueue) -> None:
    queue = make_queue()
    queue.send(outgoing(35))

    first = all_visible(queue)
    assert sorted(message.body for message in first) == sorted(message.body for message in outgoing(35))
    assert {message.attributes["kind"] for message in first} == {"permanent"}
    assert queue.receive(60) == []
    assert (queue.depth().visible, queue.depth().in_flight) == (0, 35)

    queue.release([message.receipt for message in first[:20]])
    assert queue.depth().visible == 20
    again = all_visible(queue)
    assert {message.message_id for message in again} == {message.message_id for message in first[:20]}
    assert {message.receive_count for message in again} == {2}


def test_only_messages_in_flight_can_be_deleted(make_queue: MakeQueue) -> None:
    queue = make_queue()
    queue.send(outgoing(12))
    messages = all_visible(queue)

    assert queue.delete([message.receipt for message in messages[:11]]) == frozenset()
    assert queue.depth().total == 1
    stale = messages[11].receipt
    queue.release([stale])
    assert len(all_visible(queue)) == 1
    assert queue.delete([stale]) == {stale}
    assert queue.depth().total == 1


def test_a_visibility_timeout_can_be_extended_while_it_lasts(make_queue: MakeQueue) -> None:
    queue = make_queue()
    queue.send(outgoing(2))
    kept, lost = (message.receipt for message in all_visible(queue))

    queue.delete([lost])

    assert queue.change_visibility([kept, lost], 90) == {lost}
    assert queue.receive(60) == []


def test_a_missing_queue_is_named(clients: Clients, local_stack: LocalStack) -> None:
    queue = MessageQueue(clients.sqs, local_stack.outputs.dead_letter_queue_url + "-gone")

    with pytest.raises(NotFoundError, match="UserChangesDeadLetterQueue-local-gone doesn't exist"):
        queue.receive(1)


def records(user_id: str, number: int) -> list[Any]:
    image = {"userId": {"S": user_id}, "name": {"S": "x"}}
    return [stream_record("INSERT", position, user_id, None, image) for position in range(number)]


def own_record(stack: LocalStack) -> Any:
    """Return a record of a new user in the stack's own stream."""
    return of_stack(envelope(records(uuid4().hex, 1)[0]), stack.outputs).record


@pytest.fixture(params=["memory", "emulator"])
def activity(request: pytest.FixtureRequest) -> Callable[..., ActivityReader]:
    """Make a table that holds the items of some records, and some closing items."""

    def in_memory(written: list[Any], *closing_items: JsonObject) -> ActivityReader:
        stack = StackInMemory()
        for record in written:
            stack.table.items[activity_key(record)] = activity_item(parse_user_change(record), 30)
        for closing_item in closing_items:
            stack.table.close(closing_item)
        return stack.activity()

    def in_emulator(written: list[Any], *closing_items: JsonObject) -> ActivityReader:
        stack: LocalStack = request.getfixturevalue("local_stack")
        dynamodb = clients_of(stack).dynamodb
        items: list[Any] = [activity_item(parse_user_change(record), 3650) for record in written]
        for item in [*items, *closing_items]:
            dynamodb.put_item(TableName=stack.outputs.activity_table_name, Item=item)
        return ActivityReader(dynamodb, stack.outputs.activity_table_name)

    return in_memory if request.param == "memory" else in_emulator


def test_event_ids_kinds_and_histories_are_read(activity: Callable[..., ActivityReader]) -> None:
    eve, adam, nobody = (uuid4().hex for _ in range(3))
    written = [*records(eve, 130), *records(adam, 1)]
    table = activity(written)

    found = table.event_ids([*(activity_key(record) for record in written), ActivityKey(nobody, "0" * 40)])
    assert found == {activity_key(record): record["eventID"] for record in written}
    assert table.kinds([nobody] * 60 + [eve, adam]) == {eve: {"ADDED"}, adam: {"ADDED"}}
    history = [item["changeId"]["S"] for item in table.history(eve)]
    assert history == sorted((activity_key(record).change_id for record in records(eve, 130)), reverse=True)


def test_closing_items_are_read_as_what_they_are(activity: Callable[..., ActivityReader]) -> None:
    deleted, erased, nobody = (uuid4().hex for _ in range(3))
    when: Any = {"actor": "an ARN", "occurred_at": "2026-11-28T10:42:00.000Z", "expires_at": 4_000_000_000}
    table = activity(records(deleted, 2), deletion_note(deleted, version=1, **when), erasure(erased, **when))

    assert table.erased([deleted, erased, nobody]) == {erased}
    assert table.kinds([deleted, erased]) == {deleted: {"ADDED"}, erased: {"ERASED"}}
    assert [item["kind"]["S"] for item in table.entries(deleted)] == ["ADDED", "ADDED"]
    assert [item["kind"]["S"] for item in table.entries(erased)] == ["ERASED"]
    assert list(table.history(erased)) == []


def test_the_function_s_failures_are_distinguished(clients: Clients, local_stack: LocalStack) -> None:
    function = ConsumerFunction(
        clients.lambda_, local_stack.outputs.log_user_changes_function_name, Source.USERS_STREAM
    )
    record = own_record(local_stack)

    assert function.invoke([record]) == InvocationResult()
    broken: Any = [{"dynamodb": {"SequenceNumber": "1"}, "eventName": ["not", "hashable"]}]
    assert function.invoke(broken) == InvocationResult()
    absent = ConsumerFunction(clients.lambda_, "NoSuchFunction", Source.USERS_STREAM)
    with pytest.raises(NotFoundError, match="the function NoSuchFunction doesn't exist"):
        absent.invoke([record])


def test_users_are_read_page_by_page_in_the_form_of_records(clients: Clients) -> None:
    name = f"Users-{uuid4().hex[:8]}"
    clients.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
    )
    for start in range(0, 1100, 25):
        users = [{"userId": {"S": f"{number}"}, "photo": {"B": b"\x00\xff"}} for number in range(start, start + 25)]
        clients.dynamodb.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": user}} for user in users]})
    table = UsersReader(clients.dynamodb, name)

    first = table.page(None)
    assert first.next_after is not None
    second = table.page(first.next_after)

    assert second.next_after is None
    assert sorted(int(user["userId"]["S"]) for user in first.users + second.users) == list(range(1100))
    assert first.users[0]["photo"] == {"B": "AP8="}


def test_a_large_envelope_is_read_from_its_bucket(clients: Clients, local_stack: LocalStack) -> None:
    bucket = local_stack.outputs.failed_records_bucket_name
    clients.s3.put_object(Bucket=bucket, Key="failed-records/x.json", Body=b"{}")
    store = services_of(local_stack).envelopes()

    assert store.fetch(f"s3://{bucket}/failed-records/x.json") == "{}"
    with pytest.raises(NotFoundError):
        store.fetch(f"s3://{bucket}/failed-records/y.json")
    for elsewhere in ("s3://elsewhere/failed-records/x.json", f"s3://{bucket}/x.json", "x.json", f"s3://{bucket}"):
        with pytest.raises(UnreadableRecordError, match="no place of this stack's failed records"):
            store.fetch(elsewhere)
        with pytest.raises(UnreadableRecordError):
            store.keep(elsewhere, "{}")


def test_monitoring_reads_mapping_metrics_and_alarms(clients: Clients, local_stack: LocalStack) -> None:
    outputs = local_stack.outputs
    watch = Monitoring(clients.lambda_, clients.cloudwatch)

    (mapping,) = watch.mappings(outputs.log_user_changes_function_name)
    assert mapping is not None
    assert mapping.uuid == users_mapping(local_stack)
    assert "DeadLetterQueueDepth-local" in {alarm.name for alarm in watch.alarms("local")}
    assert watch.alarms("elsewhere") == []
    ConsumerFunction(clients.lambda_, outputs.log_user_changes_function_name, Source.USERS_STREAM).invoke(
        [own_record(local_stack)]
    )
    invocations = Metric(
        namespace="AWS/Lambda",
        name="Invocations",
        dimension="FunctionName",
        resource=outputs.log_user_changes_function_name,
        statistic="Sum",
    )
    assert watch.metrics([invocations])[invocations] >= 1


def test_an_unreachable_endpoint_is_reported(local_stack: LocalStack) -> None:
    nobody = Clients("http://127.0.0.1:9", local_stack.region, "test", "test")

    with pytest.raises(CannotReachError, match="No answer"):
        MessageQueue(nobody.sqs, "http://127.0.0.1:9/000000000000/q").depth()
