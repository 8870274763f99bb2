"""Who is registered by a check: somebody whose address nobody has, so nobody's data is touched."""

from collections.abc import Mapping
from uuid import uuid4

from functions.users.attributes import ATTRIBUTES

EMAIL = "success+userstream-check@simulator.amazonses.com"
"""The mark. It belongs to SES's mailbox simulator, which takes every mail and counts none as a
bounce: with neutral answers the stack writes there. Source: SES developer guide, "Using the mailbox
simulator"."""

CHANGED = "name"
NAME_BEFORE, NAME_AFTER = "Deployment Check", "Deployment Check, renamed"


def registration() -> dict[str, str]:
    """Return a registration; its username is free, and everything else is the same each time."""
    values = {each.name: each.example for each in ATTRIBUTES if each.required}
    return {**values, "name": NAME_BEFORE, "email": EMAIL, "username": f"check{uuid4().hex[:12]}"}


def change() -> Mapping[str, str]:
    """Return the change of it."""
    return {CHANGED: NAME_AFTER}
