"""What is pending in a stack's state, what `pulumi import` is given, and what is written back."""

from typing import Any

from infra.recover.state import (
    Found,
    import_file,
    pending_creates,
    pending_operations,
    to_import,
    without_pending_operations,
)

URN = "urn:pulumi:dev::userstream::"
PROVIDER = f"{URN}pulumi:providers:aws::default_7_0_0"
STORE = f"{URN}userstream:infra:UsersStore::users-store"
USERS = f"{URN}userstream:infra:UsersStore$aws:dynamodb/table:Table::users"
KEYS = f"{URN}userstream:infra:UsersStore$aws:dynamodb/table:Table::user-keys"


def table(urn: str, **more: Any) -> dict[str, Any]:
    return {
        "urn": urn,
        "type": "aws:dynamodb/table:Table",
        "inputs": {"name": urn.rpartition("::")[2]},
        "parent": STORE,
        "provider": f"{PROVIDER}::an-id",
        **more,
    }


def export(*resources: dict[str, Any], pending: list[dict[str, Any]]) -> dict[str, Any]:
    provider = {"urn": PROVIDER, "type": "pulumi:providers:aws", "id": "an-id", "inputs": {"region": "eu-west-1"}}
    component = {"urn": STORE, "type": "userstream:infra:UsersStore"}
    deployment: dict[str, Any] = {
        "manifest": {},
        "resources": [provider, component, *resources],
        "pending_operations": pending,
    }
    return {"version": 3, "deployment": deployment}


def creating(*urns: str) -> list[dict[str, Any]]:
    return [{"type": "creating", "resource": table(urn)} for urn in urns]


def test_only_what_the_state_lacks_is_looked_for() -> None:
    state = export(table(USERS, id="Users-dev"), pending=creating(USERS, KEYS))

    (pending,) = pending_creates(state)

    assert (pending.urn, pending.region) == (KEYS, "eu-west-1")
    assert pending.known_ids == {"Users-dev"}


def test_an_update_or_a_deletion_that_was_under_way_is_done_again_by_up() -> None:
    state = export(
        table(USERS, id="Users-dev"),
        pending=[{"type": "updating", "resource": table(USERS)}, {"type": "deleting", "resource": table(USERS)}],
    )

    assert pending_creates(state) == []
    assert pending_operations(state)
    assert pending_operations(without_pending_operations(state, [])) == []


def test_an_import_that_was_killed_is_looked_for_again() -> None:
    state = export(pending=[{"type": "importing", "resource": table(KEYS)}, *creating(KEYS)])

    assert [each.urn for each in pending_creates(state)] == [KEYS]


def test_the_import_keeps_name_parent_and_provider() -> None:
    (pending,) = pending_creates(export(pending=creating(USERS)))

    assert import_file([Found(pending, "Users-dev", "Users-dev")]) == {
        "nameTable": {"parent0": STORE, "provider1": PROVIDER},
        "resources": [
            {
                "type": "aws:dynamodb/table:Table",
                "name": "resource0",
                "logicalName": "users",
                "id": "Users-dev",
                "parent": "parent0",
                "provider": "provider1",
            }
        ],
    }


def test_a_replacement_that_was_under_way_gets_the_new_resource_and_is_done_once_more() -> None:
    old = table(USERS, id="old", pendingReplacement=True)
    state = export(old, pending=creating(USERS))
    (pending,) = pending_creates(state)
    found = [Found(pending, "new", "new")]

    assert to_import(state, found) == []
    (*_, written) = without_pending_operations(state, found)["deployment"]["resources"]
    assert (written["id"], written["pendingReplacement"]) == ("new", False)
    (*_, left) = without_pending_operations(state, [])["deployment"]["resources"]
    assert left == old


def test_components_and_providers_are_left_to_up() -> None:
    provider = {"urn": PROVIDER, "type": "pulumi:providers:aws"}
    component = {"urn": STORE, "type": "userstream:infra:UsersStore"}
    state = export(pending=[{"type": "creating", "resource": each} for each in (provider, component)])

    assert pending_creates(state) == []
