"""What an erasure on a running stack has to find, and a clock on which it needn't wait."""

from uuid import uuid4

from functions.dead_letters.envelope import StreamPointer
from functions.runtime.json_log import JsonObject
from local.state import clients_of
from ops.job import Job
from tests.support.local.local_stack import LocalStack
from tests.support.local.ops_stack import services_of
from tests.support.ops.ops_in_memory import envelope, of_stack
from tests.support.ops.planted_data import failure_document
from tests.support.records.record_strategies import stream_record


class HasteClock:
    """The machine's clock, on which a pause takes no time: nothing else runs in these tests."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return Job().now() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds


def records_of(user_id: str, name: str) -> list[JsonObject]:
    """Return three records of a user that the function can't process."""
    image = {"userId": {"S": user_id}, "name": {"S": name}, "schemaVersion": {"N": "2"}}
    return [stream_record("INSERT", position, user_id, None, image) for position in range(3)]


def leave_failures(stack: LocalStack, user_id: str, name: str) -> None:
    """Leave what failed of a user in each queue and in the bucket, in two versions.

    Beside the pointers is a message that points to another stack's stream, and carries a record.
    """
    clients, outputs, services = clients_of(stack), stack.outputs, services_of(stack)
    small, large, carried = records_of(user_id, name)
    send = clients.sqs.send_message
    send(QueueUrl=outputs.dead_letter_queue_url, MessageBody=of_stack(envelope(small), outputs).to_json())
    bucket, key = outputs.failed_records_bucket_name, f"failed-records/{uuid4().hex}.json"
    for _ in range(2):
        body = of_stack(envelope(large), outputs).to_json().encode()
        clients.s3.put_object(Bucket=bucket, Key=key, Body=body)
    clients.s3.delete_object(Bucket=bucket, Key=key)  # as the lifecycle rule does
    number = carried["dynamodb"]["SequenceNumber"]
    pointer = StreamPointer(
        stream_arn=carried["eventSourceARN"],
        shard_id="shardId-00000001573689847184-864758bb",
        start_sequence_number=number,
        end_sequence_number=number,
        batch_size=1,
    )
    redrive = f"{outputs.failure_queue_url.rpartition('/')[0]}/{services.redrive_queue().name}"
    send(QueueUrl=redrive, MessageBody=failure_document(pointer, {"Records": [carried]}))


def dont_wait(_erasure: object, _seconds: int) -> None:
    """Stand for an erasure's wait for invocations from before it."""
