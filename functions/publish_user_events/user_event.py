"""The event of a change, as other teams get it: docs/events.md promises its form.

    {"schemaVersion": 1, "eventId": "...", "userId": "...", "version": 2, "changeId": "<40 digits>",
     "occurredAt": "2026-11-24T03:27:59.000Z", "actor": "caller", "changedFields": ["email"],
     "values": {"email": "alice@example.com"}, "valuesOmitted": false,
     "requestId": "JKJaXmPLvHcESHA=", "traceparent": "00-<32 digits>-<16 digits>-01"}

It is a pure function of the change and the settings, so a redelivery publishes the same event.
contract/events.py has the schemas; a test holds every event to them.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from functions.activity.item_size import NEW
from functions.consumers.stored_change import StoredChange, UnprocessableChangeError
from functions.runtime.json_log import JsonObject, json_line
from functions.stream_records.attribute_values import PlainValue
from functions.users.user import FIRST_VERSION, INTERNAL_ATTRIBUTES, LAST_VERSION

SCHEMA_VERSION = 1
"""Raise it with a change that breaks a subscriber; `python -m contract` refuses one without."""

DETAIL_TYPES: Mapping[str, str] = {"ADDED": "UserRegistered", "UPDATED": "UserChanged", "DELETED": "UserDeleted"}
"""From the kind of a change to the event's detail-type."""

NO_FIELDS = frozenset({"userId", "version", "createdAt", "updatedAt", "schemaVersion", *INTERNAL_ATTRIBUTES})
"""Attributes that the event has in another form, or that are internal. A digest that an
earlier registration left never leaves: a digest of guessable values can be guessed."""

MAXIMUM_ENTRY_BYTES = 240 * 1024
"""EventBridge took 256 KB until January 2026 and takes 1 MB since. Targets take less: the input of
a Step Functions execution is 256 KB at most, with the envelope that EventBridge puts around.
Sources: EventBridge user guide, "Calculating PutEvents event entry size"; AWS Compute Blog, "More
room to build", 2026-01-29; Step Functions developer guide, "Service quotas"."""


class FieldRules(NamedTuple):
    """Which values an event may carry."""

    declared: Collection[str]
    """The attributes of functions/users/attributes.py: text, or null."""
    personal: Collection[str]
    """Those of them that are personal. An attribute that isn't declared is personal too."""
    personal_data: bool
    """The stack's setting: whether events carry personal values."""

    def shows(self, name: str) -> bool:
        """Return whether an event carries the value of a changed attribute."""
        return self.personal_data or (name in self.declared and name not in self.personal)

    def value(self, name: str, value: PlainValue) -> PlainValue:
        """Return a value as the API shows it: what isn't text is null in a declared attribute."""
        return value if name not in self.declared or isinstance(value, str) else None


class UserEvent(NamedTuple):
    """One event, without the envelope that EventBridge adds."""

    source: str
    detail_type: str
    detail: str
    """JSON in ASCII."""

    @property
    def size(self) -> int:
        """Its bytes as EventBridge counts them (user guide, "PutEvents event entry size")."""
        return len(self.source) + len(self.detail_type) + len(self.detail)


def user_event(change: StoredChange, source: str, rules: FieldRules) -> UserEvent:
    """Return the event of a change; if it were too large, without values, and saying so.

    Args:
        change: of one user.
        source: the event's source, in ASCII.
        rules: which values it may carry.

    Raises:
        UnprocessableChangeError: The names of the fields alone are too large.
    """
    if change.omitted_fields:
        raise UnprocessableChangeError(f"its change has {change.omitted_fields} fields more than the history names")
    # Sorted, because DynamoDB keeps no order of attributes.
    fields = sorted(change.changes.keys() - NO_FIELDS)
    detail: JsonObject = {
        "schemaVersion": SCHEMA_VERSION,
        "eventId": change.event_id,
        "userId": change.user_id,
        "version": _version(change.version),
        "changeId": change.change_id,
        "occurredAt": change.occurred_at,
        # Never who: subscribers and the archive need no caller's ARN.
        "actor": "ttl" if change.actor == "ttl" else "caller",
        "changedFields": fields,
        **({} if change.trace is None else change.trace.fields()),
    }
    contents: list[JsonObject] = [detail]
    if change.kind != "DELETED":  # of whom no value is left
        shown = [name for name in fields if rules.shows(name)]
        values = {name: rules.value(name, change.new(name)) for name in shown}
        contents = [detail | {"values": {}, "valuesOmitted": True}]
        if not any(NEW in change.omitted.get(name, ()) for name in shown):
            contents.insert(0, detail | {"values": values, "valuesOmitted": False})
    for content in contents:
        event = UserEvent(source, DETAIL_TYPES[change.kind], json_line(content))
        if event.size <= MAXIMUM_ENTRY_BYTES:
            return event
    raise UnprocessableChangeError(f"its event has more than {MAXIMUM_ENTRY_BYTES} bytes even without values")


def _version(version: int | None) -> int | None:
    return version if version is not None and FIRST_VERSION <= version <= LAST_VERSION else None
