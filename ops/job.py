"""How long work is watched, stopped and timed; the tests put a clock of their own in its place."""

import hashlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from ops.errors import WrongUsageError
from ops.output import Meter

# Ctrl-C as a request to stop at the next safe point: held messages are given back, nothing is half
# done.

StopRequested = Callable[[], bool]
"""Says whether to stop before the next step."""


@contextmanager
def stop_on_interrupt(*, announce: bool = True) -> Generator[StopRequested]:
    """Give a function that says whether Ctrl-C (or SIGTERM) came; a second one ends the command where it stands."""
    requested = False

    def request(_number: int, _frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True
        if announce:
            sys.stderr.write(
                "\nStopping: the step under way ends, what is held is given back. Ctrl-C again: at once.\n"
            )

    former = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: requested
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


HEEDED_WITHIN_SECONDS = 1.0
"""So soon a pause ends after a stop was asked for."""


@dataclass(frozen=True, kw_only=True)
class LongWork:
    """What work that takes its time needs of the world around it."""

    stop: StopRequested
    meter: Meter
    now: Callable[[], float] = time.time
    """Seconds since the epoch."""
    sleep: Callable[[float], None] = time.sleep

    def pause(self, seconds: float) -> None:
        """Wait so long, or until a stop is asked for: `sleep` alone goes on after a signal."""
        while seconds > 0:
            part = min(seconds, HEEDED_WITHIN_SECONDS)
            self.sleep(part)
            seconds -= part
            if seconds > 0 and self.stop():
                return


# How far a backfill has come, in a file that is replaced whole, so that a crash leaves the old
# state or the new.


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


# Where the commands keep their own files between two runs: never in the project, never anything
# that matters.

STATE_VARIABLE = "USERSTREAM_OPS_STATE"


def state_file(kind: str, environment: str, about: str, suffix: str) -> Path:
    """Return the path of a stack's file, in a folder that is there: `about` (a URL or an ARN) tells equal names apart.

    Raises:
        WrongUsageError: The folder isn't there and can't be made.
    """
    own = os.environ.get(STATE_VARIABLE)
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(own) if own else Path(base) / "userstream"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUsageError(
            f"The commands' own folder {folder} can't be made: {error.strerror}",
            f"name another in the environment: {STATE_VARIABLE}=FOLDER",
        ) from error
    digest = hashlib.sha256(about.encode()).hexdigest()[:12]
    return folder / f"{kind}-{re.sub(r'[^A-Za-z0-9_-]', '_', environment)}-{digest}{suffix}"
