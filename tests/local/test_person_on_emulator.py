"""A person is found and exported on a running stack: what the API wrote, and a failure's record."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.actions import write_unsupported_user
from local.state import clients_of
from ops.errors import ExitCode
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack
from tests.support.local.mapped_function import eventually
from tests.support.local.ops_stack import answer, run_ops, services_of
from tests.support.local.users_over_http import UsersOverHttp, person

pytestmark = pytest.mark.local


def items_by_place(document: Any) -> dict[str, int]:
    return {place["place"]: len(place["items"]) for place in document["places"] if place["items"]}


def test_a_user_is_found_by_each_value_and_exported_whole(
    local_stack: LocalStack, api_caller: Signer, tmp_path: Path
) -> None:
    services, users, somebody = services_of(local_stack), UsersOverHttp(local_stack, api_caller), person()
    user_id = users.registered(somebody)
    assert users.patch(user_id, {"name": "Eve Adams"}).status == 200
    eventually(lambda: users.activity(user_id), lambda found: len(found) == 2)

    for value in (user_id, somebody["email"].upper(), somebody["username"]):
        (found,) = answer(run_ops(services, "person", "find", value))["users"]
        assert (found["userId"], found["state"], found["changes"]) == (user_id, "stored", 2)

    path = tmp_path / "export.json"
    run_ops(services, "person", "export", somebody["email"], "--file", str(path))
    document = json.loads(path.read_text())
    text = path.read_text()

    assert {"users": 1, "activity": 2}.items() <= items_by_place(document).items()
    (keys,) = [place["items"] for place in document["places"] if place["place"] == "user-keys"]
    assert {f"email#{somebody['email'].casefold()}", f"username#{somebody['username']}"} <= {
        item["at"]["key"] for item in keys
    }
    assert all(text.count(json.dumps(value)) for value in (*somebody.values(), "Eve Adams"))
    elsewhere = {one["place"] for one in document["elsewhere"]}
    assert elsewhere >= {"users-stream", "activity-stream", "logs", "event-archive", "subscribers"}
    assert all(one["until"] for one in document["elsewhere"] if one["place"] in ("logs", "event-archive"))


def test_a_deleted_user_is_found_by_the_id_and_by_no_value(local_stack: LocalStack, api_caller: Signer) -> None:
    services, users, somebody = services_of(local_stack), UsersOverHttp(local_stack, api_caller), person()
    user_id = users.registered(somebody)
    # A deleted user without a history is none to the API.
    eventually(lambda: users.activity(user_id), bool)
    assert users.delete(user_id).status == 204
    eventually(lambda: users.activity(user_id), lambda found: len(found) == 2)

    assert run_ops(services, "person", "find", somebody["email"]).exit_code == ExitCode.NOT_FOUND
    (found,) = answer(run_ops(services, "person", "find", user_id))["users"]
    assert (found["state"], bool(found["deleted"]["occurredAt"])) == ("deleted", True)


def test_a_failed_record_and_a_large_one_are_in_the_export(local_stack: LocalStack) -> None:
    services, clients = services_of(local_stack), clients_of(local_stack)
    user_id = write_unsupported_user(local_stack)

    def exported() -> Any:
        return answer(run_ops(services, "person", "export", user_id, "--by", "id"))

    document = eventually(exported, lambda found: "dead-letter-queue" in items_by_place(found))
    assert items_by_place(document)["users"] == 1

    key, bucket = f"failed-records/{user_id}.json", local_stack.outputs.failed_records_bucket_name
    clients.s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({"userId": user_id}).encode())
    try:
        assert items_by_place(exported())["large-records"] == 1
    finally:
        clients.s3.delete_object(Bucket=bucket, Key=key)
