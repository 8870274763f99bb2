"""An example of every resource type: inputs as the program gives them, and a change in place."""

from local.aws_clients import Clients
from tests.support.local.resource_examples.domains import DOMAINS
from tests.support.local.resource_examples.edge import EDGE
from tests.support.local.resource_examples.events import EVENTS
from tests.support.local.resource_examples.example import Dependencies, Examples
from tests.support.local.resource_examples.functions import FUNCTIONS
from tests.support.local.resource_examples.storage import STORAGE

EXAMPLES: Examples = {**DOMAINS, **EDGE, **EVENTS, **FUNCTIONS, **STORAGE}


def dependencies_of(clients: Clients) -> Dependencies:
    """Return what the examples depend on, in the emulator of these clients."""
    return Dependencies(clients, EXAMPLES)
