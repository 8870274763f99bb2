"""Lambda's entry for the batches of the Users stream."""

# First, because it sets the thresholds before botocore is imported.
import functions.runtime.garbage_collection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.activity.reader import ActivityReader
from functions.activity.table import ActivityTable
from functions.dead_letters.later_queue import QueueWhenNeeded
from functions.log_user_changes.batch import process_batch
from functions.log_user_changes.deleted_history import DeletedHistory
from functions.log_user_changes.history import AfterDeletion
from functions.log_user_changes.left_keys import LeftKeys
from functions.runtime import aws as aws_clients
from functions.runtime.invocation import (
    Clock,
    LambdaContext,
    read_flag,
    read_positive_integer,
    read_text,
    read_whole_number,
)
from functions.runtime.json_log import BufferedLog, JsonObject
from functions.runtime.metrics import CHANGES_LOGGED, embedded_metrics, lag_figures
from functions.stream_records.user_change import UserChange


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Process one batch; the answer names the first record to deliver again, if any."""
    clock = Clock(context)
    table, retention_days = read_text("ACTIVITY_TABLE"), read_positive_integer("ACTIVITY_RETENTION_DAYS")
    deleted_user_days = read_whole_number("DELETED_USER_HISTORY_DAYS")
    users_table, user_keys_table = read_text("USERS_TABLE"), read_text("USER_KEYS_TABLE")
    log = BufferedLog()
    occurred: list[float] = []

    def count(change: UserChange) -> None:
        occurred.append(change.occurred_seconds)

    dynamodb = aws_clients.dynamodb()
    keys = LeftKeys(dynamodb, users_table=users_table, user_keys_table=user_keys_table, clock=clock)
    limited_days, limit_history = None, None
    if deleted_user_days < retention_days:
        limited_days = deleted_user_days
        limit_history = DeletedHistory(
            dynamodb, table, days=deleted_user_days, retention_days=retention_days, clock=clock
        ).limit
    try:
        outcome = process_batch(
            event["Records"],
            activity=ActivityTable(dynamodb, table, retention_days, clock, deleted_user_days=limited_days),
            read_activity=ActivityReader(dynamodb, table, clock).read,
            after_deletion=AfterDeletion(keys.free, limit_history),
            dead_letters=QueueWhenNeeded(context, clock),
            log=log,
            mask_personal_data=read_flag("MASK_PERSONAL_DATA"),
            source_function=context.invoked_function_arn,
            table=users_table,
            now=clock.now,
            count=count,
        )
        if figures := embedded_metrics(lag_figures(occurred, clock.now()), clock.now()):
            log("INFO", CHANGES_LOGGED, **figures)
    finally:
        log.write()
    return outcome.response()
