"""`pulumi import` of each resource type over the emulator, by the id that AWS takes."""

import pytest

from local.aws_clients import Clients
from local.deploy.handler import Properties
from local.deploy.registry import HANDLERS, handler_for
from local.deploy.values import ResourceError
from local.engine import provider
from tests.support.local.resource_examples import EXAMPLES
from tests.support.local.resource_examples.example import ROLE, Dependencies

READABLE_BY_NAME = sorted(HANDLERS.keys() - {"aws:acm/certificateValidation:CertificateValidation"})
"""On AWS a validation can't be imported: there is nothing in the account that it could be."""

NEEDING_MORE = sorted(name for name, handler in HANDLERS.items() if handler.import_id)


def import_id(pulumi_type: str, resource_id: str, properties: Properties) -> str:
    """Return what a user types to import a resource."""
    if pulumi_type == "aws:lambda/permission:Permission":
        properties = {**properties, "function": f"{properties['function']}:{properties['qualifier']}"}
    return (handler_for(pulumi_type).import_id or "{id}").format_map({**properties, "id": resource_id})


@pytest.mark.parametrize("pulumi_type", READABLE_BY_NAME)
def test_what_was_imported_is_kept_by_the_next_up(
    pulumi_type: str, clients: Clients, dependencies: Dependencies
) -> None:
    handler, example = handler_for(pulumi_type), EXAMPLES[pulumi_type](dependencies)
    resource_id, properties = handler.create(clients, example.inputs)
    try:
        live = provider.read(clients, pulumi_type, import_id(pulumi_type, resource_id, properties), {}, {})

        assert live is not None
        assert live.id == resource_id
        difference = provider.difference(pulumi_type, live.inputs, example.inputs)
        assert difference.replacing == []
        unread = {name for name in example.inputs if name not in live.inputs}
        assert set(difference.changed) <= unread | handler.co_owned
    finally:
        handler.delete(clients, resource_id, properties)


@pytest.mark.parametrize("pulumi_type", NEEDING_MORE)
def test_an_id_that_finds_nothing_alone_is_refused_with_its_form(pulumi_type: str, clients: Clients) -> None:
    with pytest.raises(ResourceError, match="`pulumi import` takes <"):
        provider.read(clients, pulumi_type, "1a2b3c", {}, {})


@pytest.mark.parametrize(
    ("imported", "wanted", "changed", "replacing"),
    [
        ({"path": "/", "maxSessionDuration": 3600}, {}, [], []),
        ({}, {"path": "/", "maxSessionDuration": 3600}, [], []),
        ({"path": "/teams/"}, {}, ["path"], ["path"]),
        ({"path": "/"}, {"path": "/teams/"}, ["path"], ["path"]),
        ({"maxSessionDuration": 7200}, {}, ["maxSessionDuration"], []),
    ],
)
def test_a_role_differs_by_what_is_not_the_services_default(
    imported: Properties, wanted: Properties, changed: list[str], replacing: list[str]
) -> None:
    role = {"name": "role", "assumeRolePolicy": "{}"}

    assert provider.difference(ROLE, {**role, **imported}, {**role, **wanted}) == (changed, replacing)
