"""How far a backfill came, in a file that is replaced as a whole."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from ops.errors import WrongUsageError


class BackfillCheckpoint(BaseModel):
    """Counts of users, and where the backfill continues."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    version: int = 1
    stream_arn: str
    """Tells one stack from another."""
    after: str | None = None
    """Id of the last user that was processed."""
    scanned: int = 0
    in_stream: int = 0
    """Created since the stream began."""
    with_history: int = 0
    """Their history shows them as added, by an earlier backfill for instance."""
    in_queue: int = 0
    """A change of theirs is in the dead-letter queue."""
    backfilled: int = 0
    dead_lettered: int = Field(default=0, alias="setAside")
    """The function sent their record to the dead-letter queue."""
    failed: int = 0


def read_checkpoint(path: Path, stream_arn: str) -> BackfillCheckpoint:
    """Return the checkpoint in the file, or a new one if there is no file.

    Raises:
        WrongUsageError: The file isn't a checkpoint, or it is another stack's.
    """
    checkpoint = _read(path)
    if checkpoint is None:
        return BackfillCheckpoint(stream_arn=stream_arn)
    if checkpoint.stream_arn != stream_arn:
        raise WrongUsageError(
            f"The checkpoint {path} is of the stream {checkpoint.stream_arn}, this stack's is {stream_arn}",
            "name another file, or start again with --restart; no user is added twice",
        )
    return checkpoint


def remove_checkpoint(path: Path) -> None:
    """Delete the file if it exists; raise a WrongUsageError instead if it isn't a checkpoint."""
    if _read(path) is not None:
        path.unlink()


def write_checkpoint(path: Path, checkpoint: BackfillCheckpoint) -> None:
    """Replace the file, or raise a WrongUsageError if it can't be written."""
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with new.open("w", encoding="utf-8") as file:
            file.write(checkpoint.model_dump_json(by_alias=True, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise WrongUsageError(
            f"The checkpoint {path} can't be written: {error.strerror}", "name another file with --checkpoint"
        ) from error


def _read(path: Path) -> BackfillCheckpoint | None:
    try:
        return BackfillCheckpoint.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WrongUsageError(f"The checkpoint {path} can't be read: {error.strerror}", "name another file") from error
    except ValidationError as error:
        raise WrongUsageError(
            f"{path} is no checkpoint of a backfill",
            "name another file; if it is a broken checkpoint, delete it and start again: no user is added twice",
        ) from error
