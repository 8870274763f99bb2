"""Hypothesis strategies of users, stream records, batches and records that can never be processed.

Records have the form in which Lambda delivers them. There are few user ids, so that a batch often
has several changes of one user.
"""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal

from hypothesis import strategies as st

from functions.runtime.json_log import Json, JsonObject
from functions.stream_records.attribute_values import AttributeValue, Image, PlainValue
from functions.users.attributes import ATTRIBUTES
from tests.support.records.typed_values import marshal

STREAM_ARN = "arn:aws:dynamodb:eu-west-1:000000000000:table/Users-test/stream/2026-11-24T00:00:00.000"
FIRST_SECOND = 1_795_478_400
FIRST_SEQUENCE_NUMBER = 9_700_001_729_061_958_505_432

USER_IDS = ("user-a", "user-b", "user-c")
PERSONAL_FIELDS = tuple(each.name for each in ATTRIBUTES if each.personal)


def texts(*, min_size: int = 0, max_size: int = 12) -> st.SearchStrategy[str]:
    """Any text DynamoDB stores: UTF-8, so without lone surrogates."""
    return st.text(st.characters(codec="utf-8"), min_size=min_size, max_size=max_size)


def numbers() -> st.SearchStrategy[Decimal]:
    """Numbers of up to 38 significant digits over DynamoDB's whole range of exponents."""
    return st.builds(_number, st.booleans(), st.integers(0, 10**38 - 1), st.integers(-130, 88))


def _number(negative: bool, digits: int, exponent: int) -> Decimal:  # noqa: FBT001  drawn by position
    return Decimal((int(negative), tuple(map(int, str(digits))), exponent))


def plain_values(*, max_leaves: int = 8) -> st.SearchStrategy[PlainValue]:
    """A value of any DynamoDB type, as the processing reads it."""
    scalars = texts() | numbers() | st.binary(max_size=12)
    leaves = (
        scalars
        | st.booleans()
        | st.none()
        | st.sets(texts(), min_size=1, max_size=4)
        | st.sets(numbers(), min_size=1, max_size=4)
        | st.sets(st.binary(max_size=6), min_size=1, max_size=4)
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3),
        max_leaves=max_leaves,
    )


def attribute_values() -> st.SearchStrategy[AttributeValue]:
    """A typed value of any DynamoDB type."""
    return plain_values().map(marshal)


def images() -> st.SearchStrategy[Image]:
    """An item of any attributes."""
    return st.dictionaries(texts(min_size=1), attribute_values(), max_size=5)


def user_images(user_id: str, version: int) -> st.SearchStrategy[Image]:
    """A stored user, at times with an attribute that later code added."""
    written_at = "2026-11-24T00:00:00.000Z"
    return st.fixed_dictionaries(
        {
            "userId": st.just({"S": user_id}),
            **{each.name: texts(min_size=1).map(_typed) for each in ATTRIBUTES if each.required},
            "version": st.just({"N": str(version)}),
            "createdAt": st.just({"S": written_at}),
            "updatedAt": st.just({"S": written_at}),
        },
        optional={
            **{each.name: texts(min_size=1).map(_typed) for each in ATTRIBUTES if not each.required},
            "schemaVersion": st.just({"N": "1"}),
            "preferences": plain_values(max_leaves=3).map(marshal),
        },
    )


def _typed(text: str) -> AttributeValue:
    return {"S": text}


def stream_record(  # noqa: PLR0913  a record has that many parts
    event_name: str, position: int, user_id: str, old: Image | None, new: Image | None, *, by_ttl: bool = False
) -> JsonObject:
    """Build the record of one change; `position` orders it in its shard."""
    body: JsonObject = {
        "ApproximateCreationDateTime": FIRST_SECOND + position,
        "Keys": {"userId": {"S": user_id}},
        "SequenceNumber": str(FIRST_SEQUENCE_NUMBER + position),
        "SizeBytes": 200,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if new is not None:
        body["NewImage"] = new
    if old is not None:
        body["OldImage"] = old
    record: JsonObject = {
        "eventID": f"{position:032x}",
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": body,
        "eventSourceARN": STREAM_ARN,
    }
    if by_ttl:
        record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    return record


@st.composite
def histories(
    draw: st.DrawFn, *, user_ids: tuple[str, ...] = USER_IDS, min_size: int = 0, max_size: int = 12
) -> list[JsonObject]:
    """The records of one shard in order, in which users are added, changed and deleted."""
    current: dict[str, Image] = {}
    versions = dict.fromkeys(user_ids, 0)
    records: list[JsonObject] = []
    for position in range(draw(st.integers(min_size, max_size))):
        user_id = draw(st.sampled_from(user_ids))
        old = current.pop(user_id, None)
        if old is not None and draw(st.integers(0, 3)) == 0:
            records.append(stream_record("REMOVE", position, user_id, old, None, by_ttl=draw(st.booleans())))
            continue
        versions[user_id] += 1
        new = current[user_id] = draw(user_images(user_id, versions[user_id]))
        records.append(stream_record("INSERT" if old is None else "MODIFY", position, user_id, old, new))
    return records


def _without(name: str) -> Callable[[JsonObject], None]:
    def break_it(record: JsonObject) -> None:
        del record[name]

    return break_it


def _with(name: str, value: Json) -> Callable[[JsonObject], None]:
    def break_it(record: JsonObject) -> None:
        record[name] = value

    return break_it


def _body(change: Callable[[JsonObject], None]) -> Callable[[JsonObject], None]:
    def break_it(record: JsonObject) -> None:
        change(record["dynamodb"])

    return break_it


def _an_image(change: Callable[[JsonObject], None]) -> Callable[[JsonObject], None]:
    def break_it(record: JsonObject) -> None:
        body = record["dynamodb"]
        change(body["NewImage" if "NewImage" in body else "OldImage"])

    return break_it


def _drop_images(body: JsonObject) -> None:
    body.pop("NewImage", None)
    body.pop("OldImage", None)


# None of them touches the eventID and the sequence number, which identify the record.
WAYS_TO_BREAK: dict[str, Callable[[JsonObject], None]] = {
    "schemaVersion 2 is not supported": _an_image(_with("schemaVersion", {"N": "2"})),
    "schemaVersion must be a number": _an_image(_with("schemaVersion", {"S": "1"})),
    "the record has no eventName": _without("eventName"),
    "eventName 'TRUNCATE' is not": _with("eventName", "TRUNCATE"),
    "the record has no Keys": _body(_without("Keys")),
    "the record has no userId": _body(_with("Keys", {"id": {"S": "x"}})),
    "userId in Keys must be a string": _body(_with("Keys", {"userId": {"N": "1"}})),
    "Image": _body(_drop_images),
    "attribute name: expected one of": _an_image(_with("name", {"X": "?"})),
    "attribute version: N must hold a number": _an_image(_with("version", {"N": "one"})),
    "attribute photo: B must hold base64": _an_image(_with("photo", {"B": "not base64!"})),
    "attribute tags: SS must hold": _an_image(_with("tags", {"SS": []})),
    "ApproximateCreationDateTime must be": _body(_with("ApproximateCreationDateTime", "yesterday")),
}
"""Ways to break a good record, by a part of the reason that is logged."""


def broken_record(record: JsonObject, reason: str) -> JsonObject:
    """Return a good record broken in one of the `WAYS_TO_BREAK`."""
    broken = deepcopy(record)
    WAYS_TO_BREAK[reason](broken)
    return broken


@st.composite
def bad_records(draw: st.DrawFn, record: JsonObject) -> JsonObject:
    """A variant of `record` that can never be processed."""
    return broken_record(record, draw(st.sampled_from(list(WAYS_TO_BREAK))))


@st.composite
def batches_with_bad_records(draw: st.DrawFn, *, max_size: int = 12) -> tuple[list[JsonObject], set[int]]:
    """A batch in which some records can never be processed, with their positions."""
    records = draw(histories(min_size=1, max_size=max_size))
    bad = draw(st.sets(st.integers(0, len(records) - 1), max_size=4))
    return [draw(bad_records(record)) if at in bad else record for at, record in enumerate(records)], bad


def unaddressable_records() -> st.SearchStrategy[Json]:
    """Values that are no records at all: no stream delivers them, and nothing identifies them."""
    junk: list[Json] = [None, 17, "text", [], [1], {}, {"dynamodb": 1}, {"eventName": "INSERT", "eventID": 3}]
    return st.sampled_from(junk)
