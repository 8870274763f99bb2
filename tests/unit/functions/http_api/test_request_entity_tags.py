"""ETag and If-Match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.http_api.request import MalformedRequestError, entity_tag, if_match

versions = st.integers(1, 10**6)


@given(versions, versions)
def test_a_version_matches_only_its_own_etag(version: int, other: int) -> None:
    precondition = if_match({"if-match": entity_tag(version)})
    assert precondition is not None
    assert precondition(other) == (other == version)


def test_without_the_header_there_is_no_precondition() -> None:
    assert if_match({}) is None


@pytest.mark.parametrize(
    "value",
    [
        "*",
        " * ",
        '"3"',
        ' "3" ',
        '"1", "3"',
        '"1","3"',
        '"1",  "3" , "7"',
        'W/"1", "3"',
        '"a,b", "3"',
        '"3",',
        ', ,"3"',
        '"1", , "3", ,',
    ],
)
def test_an_if_match_that_accepts_version_3(value: str) -> None:
    precondition = if_match({"if-match": value})
    assert precondition is not None
    assert precondition(3)


@pytest.mark.parametrize("value", ['"2"', 'W/"3"', '"03"', '"3 "', '""', '"33"', '"1", "2"', '"*"', '"1,3"'])
def test_an_if_match_that_does_not_accept_version_3(value: str) -> None:
    precondition = if_match({"if-match": value})
    assert precondition is not None
    assert not precondition(3)


@pytest.mark.parametrize(
    "value", ["", " ", "3", "'3'", '"3', '3"', '"1" "3"', ",", '"1"," "3"', '*, "1"', 'w/"3"', "null", '"1";"3"']
)
def test_an_if_match_that_is_no_list_of_etags_is_malformed(value: str) -> None:
    with pytest.raises(MalformedRequestError, match="If-Match"):
        if_match({"if-match": value})


@given(st.text() | st.lists(st.sampled_from(['"1"', 'W/"1"', '"2"', "*", ",", " "])).map("".join))
def test_any_if_match_is_a_precondition_or_malformed(value: str) -> None:
    try:
        precondition = if_match({"if-match": value})
    except MalformedRequestError:
        return
    assert precondition is not None
    assert precondition(1) in (True, False)
