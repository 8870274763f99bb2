"""Lambda's entry for the messages of the failure queue."""

from functools import cache
from typing import NamedTuple

from functions.dead_letters.queue import DeadLetterQueue
from functions.rescue_failed_batches.rescue import Rescue
from functions.rescue_failed_batches.shard_reader import ShardReader
from functions.runtime import aws as aws_clients
from functions.runtime.invocation import InvocationClock, LambdaContext, read_text
from functions.runtime.json_log import JsonObject, log


class Settings(NamedTuple):
    """What the environment variables say."""

    dead_letter_queue_url: str
    failed_records_bucket: str


@cache
def settings() -> Settings:
    """Read the settings, once per environment of the runtime."""
    return Settings(
        dead_letter_queue_url=read_text("DEAD_LETTER_QUEUE_URL"),
        failed_records_bucket=read_text("FAILED_RECORDS_BUCKET"),
    )


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Rescue the batches; the answer names the messages that must stay in the queue."""
    configured = settings()
    clock = InvocationClock(context)
    rescue = Rescue(
        ShardReader(aws_clients.dynamodb_streams(), clock),
        DeadLetterQueue(
            aws_clients.sqs, configured.dead_letter_queue_url, aws_clients.s3, configured.failed_records_bucket, clock
        ),
        log,
        clock,
        context.invoked_function_arn,
    )
    kept = rescue.rescue_all(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}
