"""The record of a release, in the description of each function's alias.

It is in AWS because whoever shifts may be killed, and somebody else has to finish or go back:

    {"release":"2026-01-01T00:00:00Z","shifting":"5"}   5 gets a share of the traffic
    {"release":"2026-01-01T00:00:00Z","before":"4"}     done; 4 was live before
    {"release":"2026-01-01T00:00:00Z","backFrom":"5"}   5 was live, or had a share, and went back

A release is named by the second in which it began. An alias that Pulumi moved has no record.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from functions.runtime.json_log import Json, is_object


class Step(StrEnum):
    """How far a release is, and the name of the other version in the record."""

    SHIFTING = "shifting"
    DONE = "before"
    BACK = "backFrom"


@dataclass(frozen=True)
class Record:
    """A release's record of one function: when the release began, its step, the other version."""

    release: datetime
    step: Step
    version: str

    def to_text(self) -> str:
        """Return it as the alias's description, of at most 256 characters."""
        release = self.release.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return json.dumps({"release": release, self.step: self.version}, separators=(",", ":"))


def read_record(description: str) -> Record | None:
    """Return the record in a description, or None for any other text."""
    try:
        found: Json = json.loads(description)
    except ValueError:
        return None
    if not is_object(found):
        return None
    for step in Step:
        version = found.get(step)
        if isinstance(version, str):
            try:
                release = datetime.fromisoformat(str(found.get("release")))
            except ValueError:
                return None
            return Record(release, step, version) if release.tzinfo else None
    return None
