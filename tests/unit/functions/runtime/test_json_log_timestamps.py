"""Every timestamp has one form: ISO 8601 in UTC with milliseconds."""

from datetime import datetime

import pytest

from functions.runtime.json_log import normalized_timestamp, utc_timestamp


def test_seconds_since_the_epoch_are_written_in_utc_with_milliseconds() -> None:
    assert utc_timestamp(0) == "1970-01-01T00:00:00.000Z"
    assert utc_timestamp(1_795_478_400.25) == "2026-11-24T00:00:00.250Z"
    assert utc_timestamp(253_402_300_799) == "9999-12-31T23:59:59.000Z"


def test_a_datetime_is_written_in_utc_with_milliseconds() -> None:
    moment = datetime.fromisoformat("2026-11-23T10:00:00.123999+02:00")
    assert utc_timestamp(moment) == "2026-11-23T08:00:00.123Z"
    assert utc_timestamp(datetime.fromisoformat("2026-11-23T10:00:00Z")) == "2026-11-23T10:00:00.000Z"


@pytest.mark.parametrize(
    "text", ["2026-11-23T10:00:00.1", "20261123T100000.100Z", "2026-11-23T12:00:00.100+02:00", "2026-11-23 10:00:00.1"]
)
def test_any_form_of_iso_8601_is_rewritten(text: str) -> None:
    assert normalized_timestamp(text) == "2026-11-23T10:00:00.100Z"


@pytest.mark.parametrize("text", ["", "soon", "0001-01-01T00:00:00+02:00"])
def test_a_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|years 1 to 9999"):
        normalized_timestamp(text)
