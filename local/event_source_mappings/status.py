"""`mappings.json`: what the poller says of each mapping, for `python -m local status` and tests."""

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from local.state import write_atomically

_FILE = "mappings.json"

State = Literal["delivering", "disabled", "waiting", "refused", "failing", "detached"]


class MappingStatus(BaseModel):
    """One event source mapping, as it is served here."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    uuid: str = Field(description="Of the mapping.")
    source_arn: str = Field(description="Stream or queue that it reads.")
    function_name: str = Field(description="Function that it invokes.")
    state: State = Field(
        description="`disabled` is the mapping's own state; "
        "`refused` can't be served here; `failing` is begun again after a pause; `detached` reads a "
        "stream that its table no longer writes to."
    )
    reason: str = Field(default="", description="Of any state but `delivering`.")
    last_problem: str = Field(default="", description="Last warning or error of its delivery.")
    last_problem_at: AwareDatetime | None = Field(default=None, description="When that was.")
    counts: dict[str, int] = Field(description="Records by the names of AWS's EventCount metrics.")

    @property
    def source_name(self) -> str:
        """Return the queue's name, or the table whose stream it is."""
        resource = self.source_arn.split(":", 5)[-1]
        return f"{resource.split('/')[1]}'s stream" if "/stream/" in resource else resource


_STATUSES = TypeAdapter(list[MappingStatus])


def write_mappings(directory: Path, mappings: list[MappingStatus]) -> None:
    """Replace what the directory's file says."""
    text = _STATUSES.dump_json(mappings, by_alias=True, indent=1).decode() + "\n"
    write_atomically(directory / _FILE, text)


def read_mappings(directory: Path) -> list[MappingStatus]:
    """Return what the poller wrote last; nothing before its first, or of another version."""
    try:
        return _STATUSES.validate_json((directory / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return []


def forget_mappings(directory: Path) -> None:
    """Remove what an earlier stack's poller wrote."""
    (directory / _FILE).unlink(missing_ok=True)
