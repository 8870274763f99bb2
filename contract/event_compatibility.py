"""Whether a change of an event's schema breaks a subscriber, or an event that is in the archive.

Of one schema version both hold: a subscriber that was written for the old schema gets new events,
and one that was written for the new schema gets old events, from the archive. So within a version
members may be added if they are optional, descriptions may change, and nothing else. Schemas leave
unknown members open, so a subscriber that ignores those takes every such event.

No library has this rule: jsoncompat, for one, asks of an event either that all new ones meet the
old schema, which lets a new required member pass, or the reverse, which refuses every new member.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

ANNOTATIONS = frozenset({"$comment", "description", "examples", "title"})
"""Keywords for people, which may change. Source: JSON Schema 2020-12, Validation, section 9."""


def breaking_changes(old: Schema, new: Schema, path: str = "") -> Iterator[str]:
    """Yield each change that takes a new schema version, in words that begin with the member.

    Args:
        old: a released JSON Schema without references.
        new: the schema that would replace it.
        path: the member that both describe; "" for the event.
    """
    place = path or "the event"
    before, after = _members(old), _members(new)
    required_before, required_after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(before.keys() - after.keys()):
        yield f"{_inside(path, name)} was removed"
    for name in sorted(after.keys() - before.keys() & required_after):
        yield f"{_inside(path, name)} is new and required, and events in the archive lack it"
    for name in sorted(before.keys() & after.keys()):
        yield from breaking_changes(before[name], after[name], _inside(path, name))
        if (name in required_before) != (name in required_after):
            yield f"{_inside(path, name)} became {'required' if name in required_after else 'optional'}"
    kept_apart = ANNOTATIONS | {"properties", "required"}
    for keyword in sorted((old.keys() | new.keys()) - kept_apart):
        if old.get(keyword) != new.get(keyword):
            was, is_now = old.get(keyword, "not there"), new.get(keyword, "not there")
            yield f"{place}: {keyword} was {was!r} and is {is_now!r}"


def _members(schema: Schema) -> Mapping[str, Schema]:
    return schema.get("properties", {})


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
