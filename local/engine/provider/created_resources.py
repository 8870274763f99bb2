"""A file in which the plugin's processes write down each resource that they created.

A killed engine knows that it began to create a resource, but not whether the resource was created.
On AWS `pulumi refresh` asks the user for its id; here the plugin, which outlives the engine by a
moment, has written it down.
"""

import fcntl
import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

PATH_VARIABLE = "USERSTREAM_CREATED"
"""Environment variable that tells a plugin the file's path."""

_POLL_SECONDS = 0.1


class CreatedResources:
    """The file: a line of JSON for each resource."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Make `ids_after_plugins_end` wait while the block runs."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    def add(self, urn: str, resource_id: str) -> None:
        """Write down a resource."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"urn": urn, "id": resource_id}) + "\n")

    def ids_after_plugins_end(self, seconds: float) -> dict[str, str] | None:
        """Return URN to id once no plugin runs, or None if one still runs after `seconds`."""
        if not self._path.exists():
            return {}
        deadline = time.monotonic() + seconds
        with self._path.open(encoding="utf-8") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        return None
                    time.sleep(_POLL_SECONDS)
                else:
                    return {line["urn"]: line["id"] for line in map(json.loads, file)}
