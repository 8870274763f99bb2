"""From event to answer: refusals, internal errors, and the one line that is logged."""

import json
from http import HTTPStatus
from typing import Any

import pytest

from functions.http_api.endpoint import INTERNAL, PROBLEMS, Endpoint, Response, answer
from functions.http_api.registration import registered
from functions.http_api.request import MalformedRequestError, Request, RequestError, UnsupportedMediaTypeError
from functions.users.user import (
    AlreadyTakenError,
    FieldError,
    InvalidFieldsError,
    UnavailableError,
    UserError,
    UserIdTakenError,
    UserNotFoundError,
)
from tests.support.users.http_api_events import Answer, http_event, read_answer

ARN = "arn:aws:sts::123456789012:assumed-role/Support/eve"


def refusing(error: Exception) -> Endpoint:
    def endpoint(_request: Request) -> Response:
        raise error

    return endpoint


def answered(endpoint: Endpoint) -> Answer:
    return read_answer(answer(http_event("GET /users/{userId}"), endpoint))


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    fields: dict[str, Any] = json.loads(line)
    assert fields.pop("milliseconds") >= 0
    return fields


def test_an_answer_is_returned_and_logged(capsys: pytest.CaptureFixture[str]) -> None:
    response = Response(
        status=HTTPStatus.OK, body={"name": "Zo\u00eb"}, headers={"etag": '"1"'}, logged={"userId": "7"}
    )
    assert answered(lambda _request: response) == Answer(
        200, {"cache-control": "no-store", "etag": '"1"', "content-type": "application/json"}, {"name": "Zo\u00eb"}
    )
    assert logged(capsys) == {
        "level": "INFO",
        "message": "request answered",
        "requestId": "request-1",
        "route": "GET /users/{userId}",
        "status": 200,
        "userId": "7",
    }


@pytest.mark.parametrize(
    ("context", "actor"),
    [
        ({"authorizer": {"iam": {"userArn": ARN}}}, ARN),
        ({"authorizer": {"iam": {"userArn": None}}}, None),
        ({"authorizer": {"iam": None}}, None),
        ({"authorizer": {}}, None),
        ({"authorizer": None}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("error", [None, UserNotFoundError(), RuntimeError()])
def test_who_signed_a_request_is_logged_however_it_ends(
    capsys: pytest.CaptureFixture[str], context: dict[str, Any], actor: str | None, error: Exception | None
) -> None:
    event = http_event("GET /users/{userId}")
    event["requestContext"] |= context

    def endpoint(_request: Request) -> Response:
        if error is not None:
            raise error
        return Response(status=HTTPStatus.NO_CONTENT)

    answer(event, endpoint)
    assert logged(capsys).get("actor") == actor


def test_an_answer_without_a_body_has_no_content_type(capsys: pytest.CaptureFixture[str]) -> None:
    result = answer(http_event("GET /users/{userId}"), lambda _request: Response(status=HTTPStatus.NO_CONTENT))
    assert result == {"statusCode": 204, "headers": {"cache-control": "no-store"}}
    assert logged(capsys)["status"] == 204


def test_a_refusal_is_a_problem_document(capsys: pytest.CaptureFixture[str]) -> None:
    refused = answered(refusing(MalformedRequestError("There is no body.")))
    assert refused.body == {
        "type": "urn:userstream:problem:malformed-request",
        "title": "The request can't be read",
        "status": 400,
        "detail": "There is no body.",
        "requestId": "request-1",
    }
    line = logged(capsys)
    assert (line["level"], line["problem"]) == ("INFO", "malformed-request")


def test_each_invalid_field_is_named() -> None:
    refused = answered(refusing(InvalidFieldsError([FieldError("email", "invalid", "Must be an e-mail address.")])))
    assert refused.body["errors"] == [{"field": "email", "code": "invalid", "message": "Must be an e-mail address."}]


def test_a_request_counts_in_the_metrics_of_its_answer_without_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")

    answered(lambda _: registered("u-eve"))
    assert counted(logged(capsys)) == {"Registrations": 1}
    answered(refusing(AlreadyTakenError(["email", "username"])))
    assert counted(logged(capsys)) == {"EmailConflicts": 1, "UsernameConflicts": 1}
    answered(refusing(UserNotFoundError()))
    assert "_aws" not in logged(capsys)


def counted(line: dict[str, Any]) -> dict[str, int]:
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("userstream-test", [[]])
    return {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}


def test_each_taken_field_is_named() -> None:
    refused = answered(refusing(AlreadyTakenError(["email", "username"])))
    assert [(error["field"], error["code"]) for error in refused.body["errors"]] == [
        ("email", "already-taken"),
        ("username", "already-taken"),
    ]


def test_an_unavailable_service_sends_retry_after(capsys: pytest.CaptureFixture[str]) -> None:
    refused = answered(refusing(UnavailableError("ThrottlingException")))
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert "Throttling" not in json.dumps(refused.body)
    line = logged(capsys)
    assert (line["level"], line["problem"], line["cause"]) == ("WARNING", "unavailable", "ThrottlingException")


def test_an_unsupported_media_type_lists_what_is_accepted() -> None:
    refused = answered(refusing(UnsupportedMediaTypeError("Send JSON.")))
    assert refused.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    "fault", [KeyError("USERS_TABLE"), RecursionError(), ValueError("Users-prod"), UserIdTakenError(None)]
)
def test_an_internal_error_is_logged_whole_and_hidden_from_the_caller(
    fault: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = answered(refusing(fault))
    assert refused.status == 500
    assert refused.problem == "internal-error"
    assert refused.body["requestId"] == "request-1"
    text = json.dumps(refused.body)
    assert not any(word in text for word in ("USERS_TABLE", "Users-prod", "Error(", "Traceback", ".py"))
    line = logged(capsys)
    assert (line["level"], line["problem"]) == ("ERROR", "internal-error")
    assert type(fault).__name__ in line["traceback"]
    assert "in endpoint" in line["traceback"]


@pytest.mark.parametrize("event", [{}, {"version": "1.0"}, {"Records": []}])
def test_an_event_of_another_format_is_an_internal_error(
    event: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_answer(answer(event, refusing(AssertionError()))).status == 500
    assert "payloadFormatVersion" in logged(capsys)["traceback"]


def leaves(error: type[Exception]) -> set[type[Exception]]:
    children = error.__subclasses__()
    return {leaf for child in children for leaf in leaves(child)} if children else {error}


def test_every_refusal_has_a_problem() -> None:
    assert leaves(RequestError) | leaves(UserError) == set(PROBLEMS)


def test_each_problem_has_a_type_of_its_own() -> None:
    types = [problem.type for problem in (*PROBLEMS.values(), INTERNAL)]
    assert len(set(types)) == len(types)
    assert PROBLEMS[UserNotFoundError].type == "urn:userstream:problem:not-found"
