"""The checkpoint of one stream and function in a file, which a crash at any moment leaves whole."""

import fcntl
import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from local.event_source_mapping.checkpoint import Checkpoint, MalformedCheckpointError
from local.event_source_mapping.settings import MappingSettings


class AlreadyDeliveredError(Exception):
    """Another process delivers the same stream to the same function; the message says what to do."""


class CheckpointFile:
    """Keeps a checkpoint.

    Args:
        directory: Of all checkpoints; made if it isn't there.
        settings: Of the mapping, which names the file: another one begins anew, also from the same stream to the same
            function.
    """

    def __init__(self, directory: Path, settings: MappingSettings) -> None:
        digest = hashlib.sha256(f"{settings.uuid} {settings.stream_arn} {settings.function_arn}".encode()).hexdigest()
        function_name = settings.function_arn.split(":")[6]
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{function_name}-{digest[:16]}.json"

    @contextmanager
    def claim(self) -> Generator[None]:
        """Be the only process that delivers from this checkpoint; a crash gives it up.

        Raises:
            AlreadyDeliveredError: Another process is.
        """
        with self.path.with_suffix(".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyDeliveredError(
                    f"another poller delivers this mapping already: it has locked {lock.name}. End that one first."
                ) from None
            yield

    def load(self) -> Checkpoint | None:
        """Return what was saved last; None when nothing was.

        Raises:
            MalformedCheckpointError: The file holds something else.
        """
        try:
            return Checkpoint.from_json(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (MalformedCheckpointError, UnicodeDecodeError) as error:
            raise MalformedCheckpointError(f"{self.path} can't be read as a checkpoint: {error}") from None

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace what was saved, in one step.

        Not forced to the disk: what the system has taken outlives any end of this process, and what a power cut takes
        is only delivered again.
        """
        new = self.path.with_suffix(".new")
        new.write_text(checkpoint.to_json(), encoding="utf-8")
        new.replace(self.path)
