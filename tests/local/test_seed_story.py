"""A stream shows nothing of what was written before it was enabled, shown as one story."""

from pathlib import Path
from typing import Any

from local.deploy.registry import handler_for
from local.state import clients_of
from tests.support.local.change_log import ChangeLog
from tests.support.local.local_stack import LocalStack, running_local_stack, users_mapping
from tests.support.local.resource_examples.example import TABLE
from tests.support.local.users_over_http import UsersOverHttp, person, root_signer


def switch_stream(stack: LocalStack, *, on: bool) -> str | None:
    """Switch the Users table's stream as the program would; return its ARN if it is on."""
    clients, handler = clients_of(stack), handler_for(TABLE)
    table = handler.read(clients, stack.outputs.users_table_name, {})
    assert table is not None
    stream = {"streamEnabled": True, "streamViewType": "NEW_AND_OLD_IMAGES"} if on else {"streamEnabled": False}
    wanted = {name: value for name, value in table.items() if name in handler.supported} | stream
    return handler.update(clients, stack.outputs.users_table_name, table, wanted).get("streamArn")


def map_stream(stack: LocalStack, stream_arn: str) -> None:
    """Map a stream to LogUserChangesFunction as the program does; the running poller serves it."""
    lambda_ = clients_of(stack).lambda_
    deployed: dict[str, Any] = dict(lambda_.get_event_source_mapping(UUID=users_mapping(stack)))
    settings = ("BatchSize", "MaximumRetryAttempts", "BisectBatchOnFunctionError", "FunctionResponseTypes")
    lambda_.create_event_source_mapping(
        EventSourceArn=stream_arn,
        FunctionName=stack.outputs.log_user_changes_function_name,
        StartingPosition="TRIM_HORIZON",
        **{name: deployed[name] for name in settings},
    )


def test_a_stream_shows_the_changes_after_it_was_enabled_and_none_before(tmp_path: Path) -> None:
    with running_local_stack(tmp_path) as stack:
        users = UsersOverHttp(stack, root_signer(stack))

        switch_stream(stack, on=False)
        alice = users.registered(person(name="Alice"))
        stream_arn = switch_stream(stack, on=True)
        assert stream_arn is not None
        map_stream(stack, stream_arn)
        eve = users.registered(person(name="Eve", username="toto"))
        assert users.patch(eve, {"username": "kichwa"}).status == 200
        assert users.delete(eve).status == 204

        log = ChangeLog(stack)
        lines = log.eventually_about(eve, lambda found: len(found) == 4)

        added, old, new, deleted = lines
        assert [line["message"] for line in lines] == [
            "USER ADDED:",
            "USER UPDATED - OLD:",
            "USER UPDATED - NEW:",
            "USER DELETED:",
        ]
        assert (added["image"]["name"], added["image"]["username"]) == ("Eve", "toto")
        assert (old["image"]["username"], new["image"]["username"]) == ("toto", "kichwa")
        assert "username" in new["changedFields"]
        assert deleted["image"]["username"] == "kichwa"
        assert [change["kind"] for change in users.activity(eve)] == ["ADDED", "UPDATED", "DELETED"]

        # She is a user like any other, and the stream has no record of her: `ops backfill` adds it.
        assert users.get(alice).status == 200
        assert log.about(alice) == []
        assert users.activity(alice) == []
