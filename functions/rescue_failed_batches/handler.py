"""Lambda's entry for the messages of the failure queue."""

# First, because it sets the thresholds before botocore is imported.
import functions.runtime.garbage_collection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.dead_letters.queue import queue_without_erased_users
from functions.rescue_failed_batches.rescue import Rescue
from functions.rescue_failed_batches.shard_reader import ShardReader
from functions.runtime import aws as aws_clients

# At the start, where Lambda gives a function a whole processor: each batch needs such a client.
from functions.runtime import botocore_clients  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.runtime.invocation import Clock, LambdaContext, read_text
from functions.runtime.json_log import JsonObject, log


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Rescue the batches; the answer names the messages that must stay in the queue."""
    clock = Clock(context)
    dead_letters = queue_without_erased_users(context, clock)
    reader = ShardReader(aws_clients.dynamodb_streams(), clock)
    tables = read_text("USERS_TABLE"), read_text("ACTIVITY_TABLE")
    own_function = context.invoked_function_arn
    rescue = Rescue(reader, dead_letters, log, clock, own_function=own_function, tables=tables)
    kept = rescue.rescue_all(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}
