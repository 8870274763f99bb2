"""Where a mapping's checkpoint is kept: one file per mapping, with a lock beside it."""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from delivery.messages import Checkpoint, MalformedCheckpointError
from delivery.queue_messages import QueueCheckpoint
from delivery.settings import MappingSettings, QueueMappingSettings
from local.state import open_lock, try_lock

AnyCheckpoint = TypeVar("AnyCheckpoint", Checkpoint, QueueCheckpoint)


class AlreadyDeliveredError(Exception):
    """Another process delivers the same mapping; the message says what to do."""


class CheckpointFile(Generic[AnyCheckpoint]):
    """Keeps the checkpoint of a mapping below `directory`, which is created if missing.

    Mapping, source and function name the file: a new mapping begins at its starting position. The
    function's alias doesn't: a mapping that follows another one goes on where it is, as on AWS
    (Lambda API reference, "UpdateEventSourceMapping").
    """

    def __init__(
        self, directory: Path, settings: MappingSettings | QueueMappingSettings, kind: type[AnyCheckpoint]
    ) -> None:
        function_arn = ":".join(settings.function_arn.split(":")[:7])
        digest = hashlib.sha256(f"{settings.uuid} {settings.source_arn} {function_arn}".encode()).hexdigest()
        function_name = function_arn.rpartition(":")[2]
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{function_name}-{digest[:16]}.json"
        self._kind = kind

    @contextmanager
    def claim(self) -> Generator[None]:
        """Hold the lock that lets one process deliver from here; a crash releases it.

        Raise AlreadyDeliveredError if another process holds it.
        """
        with open_lock(self.path.with_suffix(".lock")) as lock:
            if not try_lock(lock):
                raise AlreadyDeliveredError(
                    f"another poller already delivers this mapping: it has locked {lock.name}. End that one first."
                )
            yield

    def load(self) -> AnyCheckpoint | None:
        """Return the last checkpoint, or None; raise MalformedCheckpointError for other content."""
        try:
            return self._kind.from_json(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (MalformedCheckpointError, UnicodeDecodeError) as error:
            raise MalformedCheckpointError(f"{self.path} can't be read as a checkpoint: {error}") from None

    def save(self, checkpoint: AnyCheckpoint) -> None:
        """Replace the saved checkpoint in one step.

        The file is not synced to the disk: a crash of the process can't lose it, and after a power
        failure the records are only delivered again.
        """
        new = self.path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(checkpoint.to_json(), encoding="utf-8")
        new.replace(self.path)
