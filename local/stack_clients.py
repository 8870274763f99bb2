"""The AWS clients of a running local stack."""

from local.resources.clients import Clients
from local.state import LocalStack


def clients_of(stack: LocalStack) -> Clients:
    """Clients with the rights of the stack's root user."""
    return Clients(stack.endpoint_url, stack.region, stack.access_key_id, stack.secret_access_key)
