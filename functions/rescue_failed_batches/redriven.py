"""A message that SQS moved from a consumer's queue to its failure queue, as an envelope.

SQS moves a message that was received `maximum_receives` times and never deleted: the consumer's
function couldn't even say that it failed. The message is whole, so nothing has to be read.
Source: SQS developer guide, "Using dead-letter queues".
"""

from functions.dead_letters.envelope import FailedRecord, identify_record
from functions.runtime.json_log import Json, JsonObject, utc_timestamp

REASON = (
    "the function never reported what became of it: it crashed, timed out, was throttled, or couldn't reach the "
    "dead-letter queue; its log says which"
)
_QUEUE = "Queue-"
_FIFO = ".fifo"


def is_redriven(record: JsonObject) -> bool:
    """Return whether a record comes from a consumer's failure queue.

    Those are FIFO queues. The mappings' own failure queue is none: they can't send to one.
    """
    source: Json = record.get("eventSourceARN")
    return isinstance(source, str) and source.endswith(_FIFO)


def redriven_record(record: JsonObject, own_function: str, now: float) -> FailedRecord:
    """Return the envelope.

    Args:
        record: of the failure queue, as Lambda delivers it.
        own_function: ARN that stands for a consumer's if no name of a queue tells it.
        now: seconds since the epoch.
    """
    attributes: JsonObject = record.get("attributes") or {}
    queue_arn = attributes.get("DeadLetterQueueSourceArn") or record["eventSourceARN"]
    source_function = function_of_queue(queue_arn) or own_function
    first_received = attributes.get("ApproximateFirstReceiveTimestamp", "")
    # SQS goes on counting: this receive is one more.
    receives = int(attributes.get("ApproximateReceiveCount", "1")) - 1
    return FailedRecord(
        **identify_record(record, source_function)._asdict(),
        kind="exhausted",
        reason=REASON,
        record=record,
        attempts=receives,
        source_function=source_function,
        first_failed_at=utc_timestamp(int(first_received) / 1000 if first_received.isdecimal() else now),
        last_failed_at=utc_timestamp(now),
    )


def function_of_queue(arn: str) -> str | None:
    """Return the ARN of the function that a consumer's queue, or failure queue, belongs to.

    `...:WelcomeNewUsersQueue-dev.fifo` is WelcomeNewUsersFunction-dev's. The names are made in
    infra/consumers/declaration.py; a test compares them.
    """
    scheme, partition, _, region, account, queue = [*arn.split(":"), *[""] * 6][:6]
    prefix, found, environment = queue.removesuffix(_FIFO).rpartition(_QUEUE)
    if not (scheme and found and prefix):
        return None
    name = f"{prefix.removesuffix('Failure')}Function-{environment}"
    return f"{scheme}:{partition}:lambda:{region}:{account}:function:{name}"
