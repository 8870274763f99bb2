"""Times of imported items, in the forms that other systems write."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.json_log import utc_timestamp
from functions.users.dynamodb_store import user_of
from functions.users.stored_time import stored_time

MOMENTS = st.datetimes(datetime(1973, 3, 4), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  of UTC, by timezones


@given(moment=MOMENTS, hours=st.integers(-23, 23), as_number=st.booleans())
def test_one_time_reads_the_same_in_every_form(moment: datetime, hours: int, *, as_number: bool) -> None:
    moment = moment.replace(microsecond=0)
    seconds = int(moment.timestamp())
    for number in (f"{seconds}", f"{seconds}000", f"{seconds}000000", f"{seconds}000000000", f"{seconds}.0"):
        assert stored_time({"N" if as_number else "S": number}) == moment
    there = moment.astimezone(timezone(timedelta(hours=hours)))
    forms = [there.isoformat(), moment.isoformat(" "), moment.replace(tzinfo=None).isoformat(), utc_timestamp(moment)]
    forms += [f"{moment:%Y%m%d%H%M%S}", f"{moment:%Y%m%dT%H%M%SZ}", f"  {moment.isoformat()}\n"]
    assert {stored_time({"S": form}) for form in forms} == {moment}
    assert stored_time({"S": f"{moment:%Y%m%d}"}) == moment.replace(hour=0, minute=0, second=0)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ({"S": "1712010100000"}, "2024-04-01T22:21:40.000Z"),
        ({"N": "1712010100000"}, "2024-04-01T22:21:40.000Z"),
        ({"N": "1.7120101E+12"}, "2024-04-01T22:21:40.000Z"),
        ({"S": "2024031511030"}, "2034-02-20T06:58:31.030Z"),
        ({"S": "1960-05-05"}, "1960-05-05T00:00:00.000Z"),
        ({"N": "-304128000"}, "1960-05-13T00:00:00.000Z"),
        ({"S": "9999-12-31T23:59:59Z"}, "9999-12-31T23:59:59.000Z"),
        ({"S": "9999-12-31T23:59:59-01:00"}, None),
        ({"S": "0001-01-01T00:00:00+01:00"}, None),
        ({"S": "2024031511030Z"}, None),
        ({"N": "20240315103000.5"}, None),
        ({"N": "9" * 38}, None),
        ({"N": "1E+125"}, None),
        ({"S": "99999999"}, None),
        ({"S": "yesterday"}, None),
        ({"S": ""}, None),
        ({"BOOL": True}, None),
        ({"S": 7}, None),
        (None, None),
    ],
)
def test_a_stored_time_is_read_as_meant_or_not_at_all(stored: Any, shown: str | None) -> None:
    moment = stored_time(stored)
    assert (None if moment is None else utc_timestamp(moment)) == shown
    item = {"userId": {"S": "u"}, **({"createdAt": stored} if stored else {})}
    assert user_of(item).created_at == shown


@given(st.text() | st.from_regex(r"\A[-+]?[0-9.:TZeE -]{1,40}\Z") | st.decimals().map(str))
def test_nothing_that_is_stored_is_an_error(text: str) -> None:
    for value in ({"S": text}, {"N": text}):
        moment = stored_time(value)
        assert moment is None or utc_timestamp(moment).endswith("Z")
