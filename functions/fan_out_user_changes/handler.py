"""Lambda's entry for the batches of Activity's stream."""

# First, because it sets the thresholds before botocore is imported.
import functions.runtime.garbage_collection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.consumers.message import ChangeMessage
from functions.consumers.stream_batch import StreamBatch
from functions.dead_letters.queue import queue_without_erased_users
from functions.fan_out_user_changes.activity_record import read_activity_record
from functions.fan_out_user_changes.topic import UserChangesTopic
from functions.runtime import aws as aws_clients

# At the start, where Lambda gives a function a whole processor: each batch needs such a client.
from functions.runtime import botocore_clients  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.runtime.invocation import Clock, LambdaContext, read_text
from functions.runtime.json_log import BufferedLog, JsonObject

PUBLISHED = "CHANGE PUBLISHED:"


def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    """Publish one batch; the answer names the first record to deliver again, if any.

    With `"replay": true` of `python -m ops dlq replay` the answer also has what is `refused`.
    """
    clock = Clock(context)
    topic_arn, activity_table = read_text("USER_CHANGES_TOPIC_ARN"), read_text("ACTIVITY_TABLE")
    log = BufferedLog()

    def log_published(message: ChangeMessage) -> None:
        names = {"userId": message.user_id, "changeId": message.change_id, "eventId": message.event_id}
        log("INFO", PUBLISHED, **names, kind=message.kind, origin=message.origin, **message.caused)

    try:
        outcome = StreamBatch(
            read=read_activity_record,
            write=UserChangesTopic(aws_clients.sns(), topic_arn, clock).publish,
            log_written=log_published,
            dead_letters=queue_without_erased_users(context, clock),
            log=log,
            source_function=context.invoked_function_arn,
            table=activity_table,
            now=clock.now,
            replay=event.get("replay") is True,
        ).process(event["Records"])
    finally:
        log.write()
    return outcome.response()
