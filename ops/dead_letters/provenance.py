"""Whether this stack's functions can have written an envelope of the dead-letter queue.

Nothing in an envelope proves who wrote it: whoever may send to the queue can write any
(docs/decisions/0054-trust-in-the-queues.md). But its id and most other members follow from the
record, and the record names the stream or the queue that it came from. What contradicts itself, or
comes from somewhere else, is never replayed.
"""

from collections.abc import Iterator

from functions.consumers.message import BACKFILL, origin_of
from functions.dead_letters.envelope import (
    PLAIN_ID,
    FailedRecord,
    RecordIdentity,
    camel_case,
    content_id,
    identify_record,
)
from functions.dead_letters.queue import object_key
from functions.runtime.arns import neighbour_arn, streams_of
from functions.runtime.json_log import Json, is_object, utc_timestamp
from infra.consumers.declaration import Consumer, Source
from infra.outputs import StackOutputs
from ops.aws.streams import stream_began_at
from ops.output import shortened

_KEYS = {Source.USERS_STREAM: {"userId"}, Source.ACTIVITY_STREAM: {"userId", "changeId"}}
"""The key attributes of each stream's table."""

_SLACK_SECONDS = 3600
"""A record's time is approximate, and each service has a clock of its own."""


def own_streams(outputs: StackOutputs) -> tuple[str, ...]:
    """Return how the ARNs of the stack's streams begin: that of Users, then that of Activity."""
    return tuple(
        streams_of(outputs.users_stream_arn, table) for table in (outputs.users_table_name, outputs.activity_table_name)
    )


def own_location(outputs: StackOutputs, failure_id: str) -> str:
    """Return where the stack keeps a failed record that is too large for a message."""
    return f"s3://{outputs.failed_records_bucket_name}/{object_key(failure_id)}"


def complaint_about(
    envelope: FailedRecord, consumer: Consumer | None, outputs: StackOutputs, sent_at: float
) -> str | None:
    """Return why this stack's functions can't have written the envelope; None if they can.

    Args:
        envelope: as it was read.
        consumer: whose function the envelope names. Without one it is never replayed, and need not
            come from this stack.
        outputs: the stack's.
        sent_at: when the message was sent, in seconds since the epoch; 0 if nobody knows.
    """
    return next(_complaints(envelope, consumer, outputs, sent_at), None)


def difference_between(message: FailedRecord, stored: FailedRecord) -> str | None:
    """Return what tells a message's envelope from the whole one in S3; None if it is the same."""
    if message.source_function != stored.source_function:
        return f"its function is {_shown(message.source_function)}, and in S3 {_shown(stored.source_function)}"
    return next(_differences(message, _identity_of(stored), "in S3"), None)


def _complaints(
    envelope: FailedRecord, consumer: Consumer | None, outputs: StackOutputs, sent_at: float
) -> Iterator[str]:
    if consumer is not None:
        yield from _foreign_sources(envelope, consumer, outputs)
        if not consumer.has_queue:
            yield from _impossible_date(envelope, sent_at)
    failure_id, location = envelope.failure_id, envelope.record_location
    if not PLAIN_ID.fullmatch(failure_id):
        yield f"its failureId is {_shown(failure_id)}, and an id has up to 128 letters, digits and :_.-"
    if envelope.record is not None:
        yield from _differences(envelope, identify_record(envelope.record, envelope.source_function), "its record's")
        if envelope.kind == "lost":
            yield "it says that its record is lost, and has one"
        return
    if location is None and envelope.kind != "lost":
        yield "it has no record"
    if location is not None and location != (place := own_location(outputs, failure_id)):
        yield f"{_shown(location)} is no place of its record, which this stack keeps at {_shown(place)}"
    if (location is None or envelope.document is not None) and failure_id not in _ids_without_record(envelope):
        yield f"its failureId {_shown(failure_id)} doesn't follow from its content"


def _foreign_sources(envelope: FailedRecord, consumer: Consumer, outputs: StackOutputs) -> Iterator[str]:
    name, own = consumer.logical_name, outputs.users_stream_arn
    function = neighbour_arn(own, "lambda", f"function:{consumer.function_name(outputs.environment)}")
    if not f"{envelope.source_function}:".startswith(f"{function}:"):  # a qualifier may follow
        yield f"its function is {_shown(envelope.source_function)}, and this stack's is {function}"
    sources, record = _sources_of(consumer, outputs), envelope.record
    for source in (envelope.event_source_arn, *([] if record is None else [_member(record, "eventSourceARN")])):
        is_own = source in sources if consumer.has_queue else isinstance(source, str) and source.startswith(sources)
        if not is_own:
            yield f"its record comes from {_shown(source)}, and {name} takes only {' or '.join(sources)}"
    if record is None:
        return
    service = "aws:sqs" if consumer.has_queue else "aws:dynamodb"
    if _member(record, "eventSource") != service:
        yield f"its record is none of {service}, as those of {name} are"
    keys = _member(_member(record, "dynamodb"), "Keys")
    # Fewer or others may be why it failed.
    if not consumer.has_queue and is_object(keys) and keys.keys() > _KEYS[consumer.source]:
        yield "its record has keys that the table hasn't"


def _impossible_date(envelope: FailedRecord, sent_at: float) -> Iterator[str]:
    """Yield what is wrong with a stream record's date, once its stream is known to be the stack's.

    A backfill dates its records when the user was created, which is before the stream began.
    """
    seconds = _member(_member(envelope.record, "dynamodb"), "ApproximateCreationDateTime")
    if type(seconds) not in (int, float):
        return  # perhaps that is why it failed
    try:
        began_at = stream_began_at(envelope.event_source_arn or "")
    except ValueError:
        yield f"its stream {_shown(envelope.event_source_arn)} doesn't say when it began"
        return
    # The record's own, because the envelope's may be any text.
    number = identify_record(envelope.record).sequence_number
    backfilled = number is not None and origin_of(number) == BACKFILL
    dated = f"its record is dated {_shown(seconds)}, in seconds since 1970"
    if seconds < began_at - _SLACK_SECONDS and not backfilled:
        yield f"{dated}, and its stream began on {utc_timestamp(began_at)}"
    if sent_at and seconds > sent_at + _SLACK_SECONDS:
        yield f"{dated}, and the message was sent on {utc_timestamp(sent_at)}"


def _sources_of(consumer: Consumer, outputs: StackOutputs) -> tuple[str, ...]:
    """Return the queues that a consumer gets its records from, or how its streams' ARNs begin."""
    users, activity = own_streams(outputs)
    if consumer.has_queue:
        names = (consumer.queue_name(outputs.environment), consumer.failure_queue_name(outputs.environment))
        return tuple(neighbour_arn(outputs.users_stream_arn, "sqs", name) for name in names)
    return (users if consumer.source is Source.USERS_STREAM else activity,)


def _identity_of(envelope: FailedRecord) -> RecordIdentity:
    return RecordIdentity(envelope.failure_id, envelope.sequence_number, envelope.user_id, envelope.event_source_arn)


def _differences(envelope: FailedRecord, identity: RecordIdentity, other: str) -> Iterator[str]:
    pairs = zip(_identity_of(envelope)._asdict().items(), identity, strict=True)
    for (name, said), found in pairs:
        if said != found:
            yield f"its {camel_case(name)} is {_shown(said)}, and {other} {_shown(found)}"


def _ids_without_record(envelope: FailedRecord) -> Iterator[str]:
    """Yield the ids that an envelope without a record can have: of a lost batch, or of a text."""
    if envelope.pointer is not None:
        yield f"{envelope.pointer.shard_id}:{envelope.pointer.start_sequence_number}"
    if envelope.document is not None:
        yield content_id(envelope.document)


def _member(value: Json, name: str) -> Json:
    return value.get(name) if is_object(value) else None


def _shown(value: Json) -> str:
    return "nothing" if value is None else shortened(str(value))
