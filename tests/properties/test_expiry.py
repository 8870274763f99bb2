"""When items of Activity expire: whenever they are written, DynamoDB can remove them in time."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from functions.activity.items import SECONDS_PER_DAY
from functions.activity.table import ActivityTable
from functions.runtime.aws import write_batches_as_json
from functions.stream_records.user_change import parse_user_change
from tests.support.aws.aws_wire import Wire
from tests.support.records.record_processing_fakes import ManualClock
from tests.support.records.record_strategies import stream_record

TTL_LIMIT_SECONDS = 5 * 365 * SECONDS_PER_DAY
"""DynamoDB developer guide, "Using time to live": items that expired earlier are not deleted."""
LAST_SECOND = 253_402_300_799
SINCE_2020 = st.integers(1_577_836_800, 2 * 2**31)


def expires_at(occurred: int, days: int, now: float) -> int:
    """Return the expiry of the item that the table is sent for a change."""
    record = stream_record("INSERT", 0, "u", None, {"userId": {"S": "u"}})
    record["dynamodb"]["ApproximateCreationDateTime"] = occurred
    wire = Wire("dynamodb", lambda _: {"UnprocessedItems": {}}, write_batches_as_json)
    ActivityTable(wire.client, "Activity", days, ManualClock(now=now)).write([parse_user_change(record)])
    ((put,),) = [request["RequestItems"]["Activity"] for request in wire.requests]
    item: Any = put["PutRequest"]["Item"]
    return int(item["expiresAt"]["N"])


@given(occurred=st.integers(-62_135_596_800, LAST_SECOND), days=st.integers(1, 3650), now=SINCE_2020)
@example(occurred=int(datetime(2015, 5, 5, tzinfo=UTC).timestamp()), days=365, now=1_795_478_400)
@example(occurred=-8_141_385_600, days=1, now=1_795_478_400)
def test_an_item_leaves_activity_when_its_retention_is_over(occurred: int, days: int, now: int) -> None:
    expiry, promised = expires_at(occurred, days, now), max(occurred, 0) + days * SECONDS_PER_DAY
    if promised >= now - 2 * 365 * SECONDS_PER_DAY:
        assert expiry == promised
    else:
        assert promised <= expiry <= now  # the retention is over, so it leaves at once
    assert expiry > now - TTL_LIMIT_SECONDS + 300 * SECONDS_PER_DAY  # also if its removal takes its time


@given(occurred=st.integers(0, 2**32), now=SINCE_2020, later=st.integers(0, 14 * SECONDS_PER_DAY))
def test_a_redelivery_writes_the_same_expiry(occurred: int, now: int, later: int) -> None:
    first, second = expires_at(occurred, 365, now), expires_at(occurred, 365, now + later)
    step = 2 * 365 * SECONDS_PER_DAY
    if now // step == (now + later) // step:
        assert first == second
    elif first != second:
        assert second < now - step + 15 * SECONDS_PER_DAY  # both are long past
