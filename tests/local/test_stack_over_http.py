import json
import shlex
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from local.output import curl_command
from local.state import clients_of
from tests.support.aws.signature_v4 import Signer
from tests.support.local.change_log import ChangeLog
from tests.support.local.local_stack import LocalStack
from tests.support.local.mapped_function import eventually
from tests.support.local.ops_stack import answer, run_ops, services_of
from tests.support.local.users_over_http import API_CALLER, UsersOverHttp, person
from tests.support.raw_http import RawAnswer, send


def test_the_command_to_copy_registers_a_user_and_then_says_what_is_taken(local_stack: LocalStack) -> None:
    command = shlex.split(curl_command(local_stack))
    url, header, body = command[2], command[4], json.loads(command[6])
    name, _, value = header.partition(": ")
    unique = {**body, "email": f"{uuid4().hex}@example.com", "username": f"a{uuid4().hex[:12]}"}

    first, second = (send(url, "POST", "", json.dumps(unique).encode(), {name: value}) for _ in range(2))

    assert command[:2] == ["curl", "-i"]
    assert first.status == 201
    created: Any = first.json
    assert created["message"] == "User registered successfully"
    assert first.headers["location"] == f"/users/{created['userId']}"
    assert second.status == 409
    problem: Any = second.json
    assert {error["field"] for error in problem["errors"]} == {"email", "username"}


def test_a_registration_is_logged_and_kept_in_the_history(local_stack: LocalStack, api_caller: Signer) -> None:
    users = UsersOverHttp(local_stack, api_caller)

    user_id = users.registered(person())

    (line,) = ChangeLog(local_stack).eventually_about(user_id, bool)
    assert line["message"] == "USER ADDED:"
    (change,) = eventually(lambda: users.activity(user_id), bool)
    assert (change["kind"], change["actor"]) == ("ADDED", "self")


def test_a_repeat_is_the_same_user_until_the_user_is_deleted(local_stack: LocalStack, api_caller: Signer) -> None:
    users, first, second, key = UsersOverHttp(local_stack, api_caller), person(), person(), uuid4().hex
    user_id = users.registered(first, key)
    assert users.registered(first, key) == user_id
    assert users.register(second, key).status == 422
    eventually(lambda: users.activity(user_id), bool)
    assert users.delete(user_id).status == 204

    # Another person has an id, and so a history, of their own.
    other_id = users.registered(second, key)
    assert other_id != user_id
    (change,) = eventually(lambda: users.activity(other_id), bool)
    assert change["kind"] == "ADDED"
    assert len(eventually(lambda: users.activity(user_id), lambda found: len(found) == 2)) == 2


def test_a_signed_change_shows_its_field_and_an_unsigned_one_is_refused(
    local_stack: LocalStack, api_caller: Signer
) -> None:
    user_id = UsersOverHttp(local_stack).registered(person())

    assert UsersOverHttp(local_stack).patch(user_id, {"name": "Nobody"}).status == 403
    assert UsersOverHttp(local_stack, api_caller).patch(user_id, {"name": "Eve Adams"}).status == 200

    lines = ChangeLog(local_stack).eventually_about(user_id, lambda found: len(found) == 3)
    assert [line["message"] for line in lines[1:]] == ["USER UPDATED - OLD:", "USER UPDATED - NEW:"]
    assert "name" in lines[2]["changedFields"]
    assert lines[2]["image"]["name"] == "Eve Adams"


def test_the_history_and_the_logs_say_who_did_it(local_stack: LocalStack, api_caller: Signer) -> None:
    """The emulator names the caller of a signed route as AWS does."""
    users, clients = UsersOverHttp(local_stack, api_caller), clients_of(local_stack)
    arn = f"arn:aws:iam::000000000000:user/{API_CALLER}"
    user_id = users.registered(person())
    assert users.patch(user_id, {"name": "Eve Adams"}).status == 200
    clients.dynamodb.update_item(
        TableName=local_stack.outputs.users_table_name,
        Key={"userId": {"S": user_id}},
        UpdateExpression="SET #name = :name",
        ExpressionAttributeNames={"#name": "name"},
        ExpressionAttributeValues={":name": {"S": "Past the API"}},
    )
    eventually(lambda: users.activity(user_id), bool)
    assert users.delete(user_id).status == 204

    changes = eventually(lambda: users.activity(user_id), lambda found: len(found) == 4)
    assert [change["actor"] for change in changes] == ["self", arn, "caller", arn]
    assert not any("changedBy" in change["changes"] for change in changes)
    lines = ChangeLog(local_stack).eventually_about(user_id, lambda found: len(found) == 6)
    assert [line["actor"] for line in lines] == ["self", arn, arn, "caller", "caller", arn]


def test_a_refusal_names_the_request_as_its_header_does(local_stack: LocalStack, api_caller: Signer) -> None:
    users = UsersOverHttp(local_stack, api_caller)
    for refused in (users.register({}), users.get("nobody")):
        problem: Any = refused.json
        assert problem["requestId"] == refused.headers["apigw-requestid"]
    assert users.get("nobody").headers["apigw-requestid"] != refused.headers["apigw-requestid"]


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_log_and_history_name_each_change_s_own_request(local_stack: LocalStack, api_caller: Signer) -> None:
    users, clients = UsersOverHttp(local_stack, api_caller), clients_of(local_stack)
    registered = users.register(person())
    body: Any = registered.json
    user_id: str = body["userId"]
    changed = users.patch(user_id, {"name": "Eve Adams"}, {"traceparent": TRACEPARENT})
    clients.dynamodb.update_item(
        TableName=local_stack.outputs.users_table_name,
        Key={"userId": {"S": user_id}},
        UpdateExpression="SET #name = :name",
        ExpressionAttributeNames={"#name": "name"},
        ExpressionAttributeValues={":name": {"S": "Past the API"}},
    )
    eventually(lambda: users.activity(user_id), bool)
    deleted = users.delete(user_id)

    ids = [answer.headers["apigw-requestid"] for answer in (registered, changed, deleted)]
    assert len(set(ids)) == 3
    changes = eventually(lambda: users.activity(user_id), lambda found: len(found) == 4)
    assert [change.get("requestId") for change in changes] == [ids[0], ids[1], None, ids[2]]
    assert [change.get("traceparent") for change in changes] == [None, TRACEPARENT, None, None]
    lines = ChangeLog(local_stack).eventually_about(user_id, lambda found: len(found) == 6)
    assert [line.get("requestId") for line in lines] == [ids[0], ids[1], ids[1], None, None, ids[2]]
    assert [line.get("traceparent") for line in lines] == [None, TRACEPARENT, TRACEPARENT, None, None, None]

    outputs = local_stack.outputs
    for named, function, history in (
        (ids[0], outputs.register_user_function_name, ["change ADDED"]),
        (TRACEPARENT, outputs.manage_users_function_name, ["change UPDATED"]),
        (ids[2], outputs.manage_users_function_name, ["deletion noted", "change DELETED"]),
    ):
        story = eventually(
            partial(_story, local_stack, named),
            lambda found: any(step["where"] == outputs.fan_out_user_changes_function_name for step in found["steps"]),
        )
        steps = story["steps"]
        assert story["users"] == [user_id]
        assert {step["where"] for step in steps} >= {function, outputs.log_user_changes_function_name, "Activity"}
        assert [step["what"] for step in steps if step["where"] == "Activity"] == history


def _story(stack: LocalStack, named: str) -> Any:
    return answer(run_ops(services_of(stack), "trace", named))


TRY_AGAIN = {429, 503}
"""Functions are busy, or two transactions conflict: a client retries after Retry-After."""


def register_until_decided(users: UsersOverHttp, body: dict[str, str]) -> RawAnswer:
    # Without a key, who wins in an attempt that is answered 503 would meet themselves in the next.
    key = uuid4().hex
    for _ in range(200):
        answer = users.register(body, key)
        if answer.status not in TRY_AGAIN:
            return answer
        time.sleep(0.5)
    raise AssertionError("the functions are busy for too long")


def test_one_of_200_concurrent_registrations_of_one_email_succeeds(local_stack: LocalStack) -> None:
    users, email = UsersOverHttp(local_stack), f"{uuid4().hex}@example.com"
    bodies = [{**person(), "email": email} for _ in range(200)]

    with ThreadPoolExecutor(max_workers=len(bodies)) as threads:
        answers = list(threads.map(partial(register_until_decided, users), bodies))

    assert Counter(answer.status for answer in answers) == {201: 1, 409: 199}
    (winner,) = [answer for answer in answers if answer.status == 201]
    created: Any = winner.json
    key = clients_of(local_stack).dynamodb.get_item(
        TableName=local_stack.outputs.user_keys_table_name, Key={"key": {"S": f"email#{email}"}}, ConsistentRead=True
    )
    assert key.get("Item", {})["userId"].get("S") == created["userId"]


def test_only_the_stacks_own_page_may_call_the_api(local_stack: LocalStack) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    own_site = str(local_stack.outputs.website_url)

    allowed = send(local_stack.outputs.api_url, "OPTIONS", "/register", headers={**asked, "Origin": own_site})
    refused = send(local_stack.outputs.api_url, "OPTIONS", "/register", headers={**asked, "Origin": "http://evil.test"})

    assert allowed.headers["access-control-allow-origin"] == own_site
    assert "access-control-allow-origin" not in refused.headers


def test_a_user_is_found_by_a_unique_value_and_an_unsigned_search_is_refused(
    local_stack: LocalStack, api_caller: Signer
) -> None:
    users, somebody = UsersOverHttp(local_stack, api_caller), person()
    somebody["email"] = f"a+b.{uuid4().hex}@example.com"
    user_id = users.registered(somebody)

    for query in ({"email": somebody["email"].upper()}, {"username": somebody["username"]}):
        found = users.find(**query)
        assert found.status == 200, found
        assert found.json == {"items": [users.get(user_id).json], "nextToken": None}
    assert users.find(email="nobody@example.com").json == {"items": [], "nextToken": None}
    twice = quote(somebody["email"])
    assert users.find(f"email={twice}&email={twice}").status == 400
    assert UsersOverHttp(local_stack).find(email="x").status == 403


def test_pages_of_users_hold_every_user_once(local_stack: LocalStack, api_caller: Signer) -> None:
    users = UsersOverHttp(local_stack, api_caller)
    registered = {users.registered(person()) for _ in range(5)}
    listed: list[str] = []
    query = {"limit": "3"}
    while True:
        page: Any = users.find(**query).json
        listed += [each["userId"] for each in page["items"]]
        if page["nextToken"] is None:
            break
        query["nextToken"] = page["nextToken"]

    assert registered <= set(listed)
    assert len(listed) == len(set(listed))
