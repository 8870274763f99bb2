"""INSERT records for users from before the stream, made from the stored item alone.

A record's sequence number is below every number that a stream assigns (those have 21 digits or
more: Streams API reference, "StreamRecord"), so its item comes first in the user's history,
whatever happens meanwhile. Sequence number and eventID derive from the user's id: the same record
sent again writes the same item again.
"""

import hashlib
from collections.abc import Iterable

from functions.activity.item_size import OLD
from functions.stream_records.attribute_values import AttributeValue, Image
from functions.users.stored_time import stored_time
from infra.consumers import log_user_changes
from ops.aws import streams
from ops.aws.tables import binary_as_base64
from ops.dead_letters.record import ReplayableChange
from ops.errors import WrongUsageError

_SEQUENCE_NUMBER_BYTES = 8  # below 2**64, which has 20 digits
_DIGITS = 21
"""The fewest of a sequence number."""


def stream_began_at(stream_arn: str) -> float:
    """Return when a stack's stream began, in seconds since the epoch, from the label in its ARN."""
    try:
        return streams.stream_began_at(stream_arn)
    except ValueError as error:
        raise WrongUsageError(
            f"usersStreamArn {stream_arn!r} doesn't end with the time at which the stream began",
            "export the stack's outputs again",
        ) from error


def created_since(image: Image, began_at: float, now: float) -> bool:
    """Say whether the item's creation time shows that its INSERT is, or was, in the stream."""
    created = created_at(image)
    return created is not None and began_at <= created <= now


def created_at(image: Image) -> float | None:
    """Return when a user was created, as `epoch_seconds` reads it."""
    return epoch_seconds(image.get("createdAt"))


def epoch_seconds(value: AttributeValue | None) -> float | None:
    """Return a stored time in seconds since the epoch, in any form of `stored_time`.

    None for one that is missing or unreadable, and for one up to 1970: so looks an empty date in
    many systems.
    """
    moment = stored_time(value)
    return moment.timestamp() if moment is not None and moment.timestamp() > 0 else None


def before_changes(image: Image, history: Iterable[Image]) -> Image:
    """Return a user as it was before the changes of its history: updates only, newest first.

    `image` shows the user at any time before, between or after these changes. A value that was too
    large for the history is missing.
    """
    earlier = dict(image)
    for item in history:
        for name, change in item["changes"]["M"].items():
            old = change["M"].get(OLD)
            if old is None:
                earlier.pop(name, None)
            else:
                earlier[name] = binary_as_base64(old)
    return earlier


def dated_at(image: Image, began_at: float) -> int:
    """Return the whole second at which a user from before the stream counts as created."""
    created = created_at(image)
    return int(began_at if created is None or created > began_at else created)


def user_id_of(image: Image) -> str:
    """Return the user's id."""
    return image["userId"]["S"]


def backfill_change(image: Image, stream_arn: str, region: str) -> ReplayableChange:
    """Return the INSERT of a user, dated at the user's creation, or else the stream's.

    A user from before the stream wasn't created after it began, so a later date counts as none.
    """
    user_id = user_id_of(image)
    digest = hashlib.sha256(f"userstream backfill {user_id}".encode()).digest()
    number = int.from_bytes(digest[:_SEQUENCE_NUMBER_BYTES], "big")
    record = {
        "eventID": digest[-16:].hex(),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": region,
        "dynamodb": {
            "ApproximateCreationDateTime": dated_at(image, stream_began_at(stream_arn)),
            "Keys": {"userId": {"S": user_id}},
            "NewImage": image,
            "SequenceNumber": str(number).zfill(_DIGITS),
            "SizeBytes": 0,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": stream_arn,
    }
    change = ReplayableChange.of(record, log_user_changes.CONSUMER)
    if change is None:
        raise AssertionError(f"the record made for user {user_id!r} has no key")
    return change
