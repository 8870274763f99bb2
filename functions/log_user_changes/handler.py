"""Lambda's entry for the batches of the Users stream."""

# First, because it sets the thresholds before botocore is imported.
import functions.runtime.garbage_collection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.activity.reader import ActivityReader
from functions.activity.table import ActivityTable
from functions.dead_letters.erased_users import WithoutErasedUsers
from functions.dead_letters.queue import queue_from_environment
from functions.log_user_changes.batch import process_batch
from functions.log_user_changes.left_keys import LeftKeys
from functions.runtime import aws as aws_clients
from functions.runtime.invocation import Clock, LambdaContext, read_flag, read_positive_integer, read_text
from functions.runtime.json_log import BufferedLog, JsonObject


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Process one batch; the answer names the first record to deliver again, if any."""
    clock = Clock(context)
    table, retention_days = read_text("ACTIVITY_TABLE"), read_positive_integer("ACTIVITY_RETENTION_DAYS")
    users_table, user_keys_table = read_text("USERS_TABLE"), read_text("USER_KEYS_TABLE")
    log = BufferedLog()
    read_activity = ActivityReader(aws_clients.dynamodb(), table, clock).read
    try:
        outcome = process_batch(
            event["Records"],
            activity=ActivityTable(aws_clients.dynamodb(), table, retention_days, clock),
            read_activity=read_activity,
            free_keys=LeftKeys(
                aws_clients.dynamodb(), users_table=users_table, user_keys_table=user_keys_table, clock=clock
            ).free,
            dead_letters=WithoutErasedUsers(queue_from_environment(clock), read_activity),
            log=log,
            mask_personal_data=read_flag("MASK_PERSONAL_DATA"),
            source_function=context.invoked_function_arn,
            now=clock.now,
        )
    finally:
        log.write()
    return outcome.response()
