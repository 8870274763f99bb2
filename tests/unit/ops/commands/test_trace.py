"""`trace` on the stack in memory, with CloudWatch's logs on the wire."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from functions.activity.closing_item import CLOSING_CHANGE_ID, deletion_note
from functions.activity.items import activity_item
from functions.runtime.json_log import JsonObject, utc_timestamp
from functions.runtime.trace import Trace
from functions.stream_records.user_change import parse_user_change
from ops.errors import ExitCode
from tests.support.ops.declared_consumers import WELCOME, queue_record
from tests.support.ops.ops_in_memory import StackInMemory, activity_key
from tests.support.records.record_strategies import stream_record

Run = Callable[..., Result]

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
ID, OTHER = "JKJaXmPLvHcESHA=", "JKJbTiRSPHcEP4Q="
REGISTER, LOG = "/aws/lambda/RegisterUserFunction-test", "/aws/lambda/LogUserChangesFunction-test"
MANAGE = "/aws/lambda/ManageUsersFunction-test"
ACCESS, FORMER_ACCESS = "/aws/vendedlogs/apigateway/userstream-test", "/aws/apigateway/userstream-test"
NOW = time.time()
ARN = "arn:aws:iam::000000000000:user/op"


def image(version: int, actor: str, trace: Trace) -> JsonObject:
    by = {"actor": {"S": actor}, "version": {"N": str(version)}, **trace.attributes()}
    return {
        "userId": {"S": "eve"},
        "name": {"S": f"Secret {version}"},
        "version": {"N": str(version)},
        "updatedAt": {"S": utc_timestamp(NOW - 9)},
        "changedBy": {"M": by},
    }


FIRST, SECOND = image(1, "self", Trace(ID, TRACEPARENT)), image(2, ARN, Trace(OTHER))


@pytest.fixture
def registered(stack: StackInMemory) -> StackInMemory:
    """A stack in which one request registered a user, and another one changed the name."""
    logs = stack.log_lines
    logs.write(ACCESS, NOW - 9.5, {"requestId": ID, "routeKey": "POST /register", "status": "201"})
    answered = {"level": "INFO", "message": "request answered", "userId": "eve"}
    logs.write(REGISTER, NOW - 9.4, answered | {"requestId": ID, "traceparent": TRACEPARENT, "route": "POST /register"})
    logs.write(MANAGE, NOW - 5.2, answered | {"requestId": OTHER, "route": "PATCH /users/{userId}", "status": 200})
    for position, (old, new) in enumerate([(None, FIRST), (FIRST, SECOND)]):
        record = stream_record("INSERT" if old is None else "MODIFY", position, "eve", old, new)
        record["dynamodb"]["ApproximateCreationDateTime"] = int(NOW - 9 + 4 * position)
        change = parse_user_change(record)
        stack.table.items[activity_key(record)] = activity_item(change, 30)
        trace = change.trace.fields() if change.trace else {}
        logs.write(
            LOG,
            NOW - 8 + 4 * position,
            {"message": "USER ADDED:", "userId": "eve", "image": {"name": "Secret"}, **trace},
        )
    logs.write(LOG, NOW - 3, "START RequestId: 1 Version: $LATEST")
    logs.write(LOG, NOW - 3, {"message": "BATCH STOPPED:"})
    stack.user_table.items["eve"] = SECOND
    for function in ("FanOutUserChangesFunction", "RescueFailedBatchesFunction"):
        logs.groups[f"/aws/lambda/{function}-test"] = []
    return stack


def traced(run: Run, *arguments: str) -> Any:
    result = run("trace", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def places(story: Any) -> list[tuple[str, str]]:
    return [(step["where"], step["requestId"]) for step in story["steps"]]


@pytest.mark.parametrize("reads_patterns", [True, False])
def test_a_request_is_followed_in_order_and_no_other_one(
    run: Run,
    registered: StackInMemory,
    reads_patterns: bool,  # noqa: FBT001
) -> None:
    registered.log_lines.reads_patterns = reads_patterns
    story = traced(run, ID)
    assert places(story) == [
        ("access log", ID),
        ("RegisterUserFunction-test", ID),
        ("Activity", ID),
        ("LogUserChangesFunction-test", ID),
    ] or places(story) == [
        ("access log", ID),
        ("RegisterUserFunction-test", ID),
        ("LogUserChangesFunction-test", ID),
        ("Activity", ID),
    ]
    assert (story["users"], story["requests"]) == (["eve"], [ID])
    assert "Secret" not in json.dumps(story)


def test_the_user_as_stored_is_a_step_of_the_request_that_wrote_it(run: Run, registered: StackInMemory) -> None:
    assert registered.user_table.items
    (stored,) = [step for step in traced(run, OTHER)["steps"] if step["where"] == "Users"]
    assert (stored["userId"], stored["version"], stored["actor"]) == ("eve", "2", ARN)


def test_a_user_who_was_changed_by_hand_is_no_step(run: Run, registered: StackInMemory) -> None:
    registered.user_table.items["eve"] = {**SECOND, "version": {"N": "3"}}
    assert "Users" not in [step["where"] for step in traced(run, OTHER)["steps"]]


def test_items_that_somebody_wrote_by_hand_are_no_error(run: Run, registered: StackInMemory) -> None:
    by = {"M": {name: value for name, value in SECOND["changedBy"]["M"].items() if name != "version"}}
    registered.user_table.items["eve"] = {"userId": {"S": "eve"}, "changedBy": by}
    key = {"userId": {"S": "eve"}, "changeId": {"S": "5" * 40}}
    registered.table.items["eve", "5" * 40] = {**key, "requestId": {"S": OTHER}, "version": {"S": "x"}}
    assert places(traced(run, OTHER)).count(("Activity", OTHER)) == 2


@pytest.mark.parametrize("id_", ["-h5P--ABzdrjLC8=", "--help8Qk2vL_C8="])
@pytest.mark.parametrize("order", [("{id}", "--hours", "3"), ("--hours", "3", "{id}"), ("--hours=3", "--", "{id}")])
def test_an_id_may_begin_like_an_option(run: Run, stack: StackInMemory, id_: str, order: tuple[str, ...]) -> None:
    stack.log_lines.write(ACCESS, NOW - 9.5, {"requestId": id_, "routeKey": "GET /users", "status": "403"})

    result = run("trace", *(each.format(id=id_) for each in order))

    assert result.exit_code == ExitCode.OK, result.output
    assert json.loads(result.stdout)["requests"] == [id_]


@pytest.mark.parametrize("text", [TRACE_ID, TRACEPARENT, f"00-{TRACE_ID}-{'1' * 16}-00"])
def test_a_trace_finds_its_requests(run: Run, registered: StackInMemory, text: str) -> None:
    assert registered.log_lines.groups
    story = traced(run, text)
    assert (story["requests"], story["traceId"]) == ([ID], TRACE_ID)
    assert sorted({where for where, _ in places(story)}) == [
        "Activity",
        "LogUserChangesFunction-test",
        "RegisterUserFunction-test",
        "access log",
    ]
    lines = [(step["at"], step["where"]) for step in story["steps"]]
    assert len(lines) == len(set(lines))


def test_a_deletion_is_followed_by_its_note(run: Run, stack: StackInMemory) -> None:
    note = deletion_note(
        "eve", actor=ARN, version=2, occurred_at=utc_timestamp(NOW), expires_at=1, trace=Trace(OTHER, TRACEPARENT)
    )
    stack.table.items["eve", CLOSING_CHANGE_ID] = note
    stack.log_lines.write(
        MANAGE,
        NOW,
        {"message": "request answered", "requestId": OTHER, "userId": "eve", "route": "DELETE /users/{userId}"},
    )
    failure = stack.fail(stream_record("REMOVE", 3, "eve", SECOND, None), "permanent")
    stack.fail(stream_record("REMOVE", 4, "adam", SECOND, None), "permanent")

    story = traced(run, OTHER)

    assert [(step["where"], step["what"]) for step in story["steps"] if "failureId" not in step] == [
        ("ManageUsersFunction-test", "request answered"),
        ("Activity", "deletion noted"),
    ]
    letters = [step for step in story["steps"] if step["where"] == "dead-letter queue"]
    assert [letter["failureId"] for letter in letters] == [failure]


def test_failed_records_of_the_request_are_found_and_stay(run: Run, registered: StackInMemory) -> None:
    of_stream = registered.fail(stream_record("INSERT", 0, "eve", None, FIRST), "permanent")
    registered.fail(stream_record("MODIFY", 1, "eve", FIRST, SECOND), "permanent")
    record = queue_record(5)
    record["body"] = json.dumps({**json.loads(record["body"]), "requestId": ID})
    of_consumer = registered.fail_in(WELCOME, record)

    result = run("trace", ID, "--table")
    letters = [step for step in traced(run, ID)["steps"] if step["where"] == "dead-letter queue"]

    assert {letter["failureId"] for letter in letters} == {of_stream, of_consumer}
    assert f"dlq show {of_stream}" in result.stdout
    assert registered.queue.depth().total == 3


def test_an_access_log_under_its_former_name_is_read(run: Run, registered: StackInMemory) -> None:
    groups = registered.log_lines.groups
    groups[FORMER_ACCESS] = groups.pop(ACCESS)
    story = traced(run, ID)
    assert story["steps"][0]["where"] == "access log"
    assert FORMER_ACCESS in story["logGroups"]


FUNCTION_ID = "6f1c1e0a-0000-4000-8000-00000000000a"


def test_of_a_function_that_crashed_lambda_s_own_lines_are_shown(run: Run, stack: StackInMemory) -> None:
    logs = stack.log_lines
    line = {"requestId": ID, "functionRequestId": FUNCTION_ID, "routeKey": "POST /register", "status": "503"}
    logs.write(ACCESS, NOW - 5, line)
    logs.write(REGISTER, NOW - 15, f"START RequestId: {FUNCTION_ID} Version: $LATEST\n")
    logs.write(REGISTER, NOW - 5, f"2026-11-29T12:00:00.000Z {FUNCTION_ID} Task timed out after 10.00 seconds\n\n")
    logs.write(REGISTER, NOW - 5, "START RequestId: 6f1c1e0a-0000-4000-8000-00000000000b Version: $LATEST\n")
    logs.write(REGISTER, NOW - 500, f"{FUNCTION_ID} long before")
    shown = [(step["where"], step["what"]) for step in traced(run, ID)["steps"]]
    assert shown[0] == ("RegisterUserFunction-test", f"START RequestId: {FUNCTION_ID} Version: $LATEST")
    assert [where for where, _ in shown[1:]] == ["access log", "RegisterUserFunction-test"]
    assert shown[2][1].endswith("Task timed out after 10.00 seconds")


@pytest.mark.parametrize("function_id", ["-", "", 'x"', None])
def test_without_an_invocation_no_other_line_is_asked_for(run: Run, stack: StackInMemory, function_id: Any) -> None:
    line = {"requestId": ID, "functionRequestId": function_id, "routeKey": "POST /register", "status": "429"}
    stack.log_lines.write(ACCESS, NOW - 5, line)
    assert places(traced(run, ID)) == [("access log", ID)]
    assert all(request["filterPattern"].startswith("{") for request in stack.log_lines.wire.requests)


def test_a_group_that_is_gone_is_said(run: Run, registered: StackInMemory) -> None:
    del registered.log_lines.groups[ACCESS]
    assert traced(run, ID)["remarks"] == [f"There is no log group {ACCESS}."]


def test_a_history_is_read_though_the_logs_are_gone(run: Run, registered: StackInMemory) -> None:
    for lines in registered.log_lines.groups.values():
        lines.clear()
    assert run("trace", ID).exit_code == ExitCode.NOT_FOUND
    assert places(traced(run, ID, "--user", "eve")) == [("Activity", ID)]


def test_nothing_found_says_what_to_try(run: Run, registered: StackInMemory) -> None:
    assert registered.log_lines.groups
    result = run("trace", "JKJc9hTLPHcEJ5w=", "--hours", "3")
    assert result.exit_code == ExitCode.NOT_FOUND
    assert "Nothing here shows JKJc9hTLPHcEJ5w= within the last 3 hours" in result.stderr
    assert "--hours N" in result.stderr
    assert "--user ID" in result.stderr


def test_only_the_hours_asked_for_are_searched(run: Run, registered: StackInMemory) -> None:
    logs = registered.log_lines
    logs.write(REGISTER, NOW - 50 * 3600, {"message": "request answered", "requestId": "old=", "route": "x"})
    assert run("trace", "old=").exit_code == ExitCode.NOT_FOUND
    assert places(traced(run, "old=", "--hours", "51")) == [("RegisterUserFunction-test", "old=")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "two words",
        'x" }',
        "x\ny",
        "\u00e9",
        "x" * 129,
        f"01-{TRACE_ID}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        TRACEPARENT.upper(),
    ],
)
def test_what_is_no_id_is_refused_before_anything_is_read(run: Run, stack: StackInMemory, text: str) -> None:
    result = run("trace", text)
    assert result.exit_code == ExitCode.USAGE
    assert "is no request's id" in result.stderr
    assert stack.log_lines.wire.requests == []


@pytest.mark.parametrize("line", [{"requestId": ["x"]}, {"requestId": {"x": 1}}, {"requestId": None}, "[1]", "{"])
def test_lines_of_any_form_are_passed_by(run: Run, registered: StackInMemory, line: JsonObject | str) -> None:
    registered.log_lines.reads_patterns = False
    registered.log_lines.write(LOG, NOW - 1, line)
    assert len(traced(run, ID)["steps"]) == 4


def test_more_requests_than_fit_into_one_pattern_are_found(run: Run, stack: StackInMemory) -> None:
    for number in range(60):
        line = {"message": "request answered", "requestId": f"r{number:02}=", "traceparent": TRACEPARENT, "route": "x"}
        stack.log_lines.write(REGISTER, NOW - 100 + number, line)
        stack.log_lines.write(ACCESS, NOW - 100 + number, {"requestId": f"r{number:02}=", "status": "201"})
    story = traced(run, TRACE_ID)
    assert story["requests"] == [f"r{number:02}=" for number in range(50)]
    assert len([step for step in story["steps"] if step["where"] == "access log"]) == 50
    assert "Only the first 50 of 60 requests are shown." in story["remarks"]
    assert all(len(request["filterPattern"]) <= 1024 for request in stack.log_lines.wire.requests)
