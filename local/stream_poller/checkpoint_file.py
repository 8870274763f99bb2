"""The checkpoint of one mapping in a file that stays whole when a process crashes."""

import fcntl
import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from delivery.messages import Checkpoint, MalformedCheckpointError
from delivery.settings import MappingSettings


class AlreadyDeliveredError(Exception):
    """Another process delivers the same mapping; the message says what to do."""


class CheckpointFile:
    """Keeps the checkpoint of a mapping below `directory`, which is created if missing.

    Mapping, stream and function name the file: a new mapping begins at its starting position.
    """

    def __init__(self, directory: Path, settings: MappingSettings) -> None:
        digest = hashlib.sha256(f"{settings.uuid} {settings.stream_arn} {settings.function_arn}".encode()).hexdigest()
        function_name = settings.function_arn.split(":")[6]
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{function_name}-{digest[:16]}.json"

    @contextmanager
    def claim(self) -> Generator[None]:
        """Hold the lock that lets one process deliver from this checkpoint; a crash releases it.

        Raises:
            AlreadyDeliveredError: Another process holds it.
        """
        with self.path.with_suffix(".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyDeliveredError(
                    f"another poller already delivers this mapping: it has locked {lock.name}. End that one first."
                ) from None
            yield

    def load(self) -> Checkpoint | None:
        """Return the checkpoint that was saved last; None if there is none.

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
        """Replace the saved checkpoint in one step.

        The file is not synced to the disk: a crash of the process can't lose it, and after a power
        failure the records are only delivered again.
        """
        new = self.path.with_suffix(".new")
        new.write_text(checkpoint.to_json(), encoding="utf-8")
        new.replace(self.path)
