"""How far a backfill has come, in a file that is replaced whole, so that a crash leaves the old state or the new."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from ops.errors import WrongUsageError


class Checkpoint(BaseModel):
    """The state of one backfill between two stretches of users."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    version: int = 1
    stream_arn: str
    """Tells one stack from another."""
    after: str | None = None
    """Id of the last user that is done with."""
    scanned: int = 0
    in_stream: int = 0
    """Users created since the stream began."""
    with_history: int = 0
    """Users whose history has their beginning, a backfilled one for instance."""
    in_queue: int = 0
    """Users with a change that waits in the dead-letter queue."""
    backfilled: int = 0
    set_aside: int = 0
    """Users whose record the function has set aside, to the dead-letter queue."""
    failed: int = 0


def read_checkpoint(path: Path, stream_arn: str) -> Checkpoint:
    """Return where the backfill stands: at the beginning, when there is no file.

    Raises:
        WrongUsageError: The file is no checkpoint, or of another stack.
    """
    checkpoint = _read(path)
    if checkpoint is None:
        return Checkpoint(stream_arn=stream_arn)
    if checkpoint.stream_arn != stream_arn:
        raise WrongUsageError(
            f"The checkpoint {path} is of the stream {checkpoint.stream_arn}, this stack's is {stream_arn}",
            "name another file, or begin anew with --restart; nothing is done twice",
        )
    return checkpoint


def remove_checkpoint(path: Path) -> None:
    """Remove the file, if there is one; never one that is no checkpoint.

    Raises:
        WrongUsageError: It is none, and is left as it is.
    """
    if _read(path) is not None:
        path.unlink()


def _read(path: Path) -> Checkpoint | None:
    try:
        return Checkpoint.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WrongUsageError(f"The checkpoint {path} can't be read: {error.strerror}", "name another file") from error
    except ValidationError as error:
        raise WrongUsageError(
            f"{path} is no checkpoint of a backfill",
            "name another file; if it is one, and broken, remove it: the backfill begins anew, nothing is done twice",
        ) from error


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file.

    Raises:
        WrongUsageError: It can't be written.
    """
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
