"""Events as API Gateway sends them, with parts missing."""

import pytest

from functions.http_api.request import InvalidEventError, Request, read_request
from tests.support.users.http_api_events import http_event


def test_all_parts_of_an_event_are_read() -> None:
    event = http_event(
        "GET /users/{userId}", body="{}", headers={"If-Match": '"1"'}, path={"userId": "7"}, query={"limit": "5"}
    )
    assert read_request(event) == Request(
        request_id="request-1",
        route="GET /users/{userId}",
        headers={"content-type": "application/json", "if-match": '"1"'},
        path={"userId": "7"},
        query={"limit": "5"},
        body="{}",
        body_is_base64=False,
    )


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_the_case_of_a_headers_name_does_not_matter(name: str) -> None:
    event = http_event("POST /register") | {"headers": {name: "text/plain"}}
    assert read_request(event).headers == {"content-type": "text/plain"}


def test_absent_parts_are_empty() -> None:
    request = read_request({"version": "2.0", "routeKey": "POST /register"})
    assert request == Request("", "POST /register", {}, {}, {}, None, body_is_base64=False)


@pytest.mark.parametrize("part", ["headers", "pathParameters", "queryStringParameters", "body", "isBase64Encoded"])
def test_null_parts_are_empty(part: str) -> None:
    assert read_request(http_event("POST /register") | {part: None})


@pytest.mark.parametrize("event", [{}, {"version": "1.0", "httpMethod": "POST"}, {"Records": []}, {"version": "2.0"}])
def test_an_event_of_another_format_names_the_setting_to_change(event: dict[str, object]) -> None:
    with pytest.raises(InvalidEventError, match="payloadFormatVersion"):
        read_request(event)
