"""Lambda's entry for the batches of the Users stream."""

from functools import cache
from typing import NamedTuple

from functions.activity.table import ActivityTable
from functions.dead_letters.queue import DeadLetterQueue
from functions.log_user_changes.batch import process_batch
from functions.runtime import aws as aws_clients
from functions.runtime.invocation import InvocationClock, LambdaContext, read_flag, read_positive_integer, read_text
from functions.runtime.json_log import CollectedLog, JsonObject


class Settings(NamedTuple):
    """What the environment variables say."""

    activity_table: str
    activity_retention_days: int
    mask_personal_data: bool
    dead_letter_queue_url: str
    failed_records_bucket: str


@cache
def settings() -> Settings:
    """Read the settings, once per environment of the runtime."""
    return Settings(
        activity_table=read_text("ACTIVITY_TABLE"),
        activity_retention_days=read_positive_integer("ACTIVITY_RETENTION_DAYS"),
        mask_personal_data=read_flag("MASK_PERSONAL_DATA"),
        dead_letter_queue_url=read_text("DEAD_LETTER_QUEUE_URL"),
        failed_records_bucket=read_text("FAILED_RECORDS_BUCKET"),
    )


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Process one batch; the answer names the first record that must come again, if any."""
    configured = settings()
    clock = InvocationClock(context)
    log = CollectedLog()
    try:
        outcome = process_batch(
            event["Records"],
            activity=ActivityTable(
                aws_clients.dynamodb(),
                configured.activity_table,
                configured.activity_retention_days,
                clock,
            ),
            dead_letters=DeadLetterQueue(
                aws_clients.sqs,
                configured.dead_letter_queue_url,
                aws_clients.s3,
                configured.failed_records_bucket,
                clock,
            ),
            log=log,
            mask_personal_data=configured.mask_personal_data,
            source_function=context.invoked_function_arn,
            now=clock.now,
        )
    finally:
        log.write()
    return outcome.response()
