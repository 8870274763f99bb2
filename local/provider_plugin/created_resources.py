"""Which resources a stack's plugins have made, written down by themselves.

An engine that is killed knows that it began to create a resource, and not whether the resource came to be. On AWS
`pulumi refresh` asks the user for its id; here the plugin, which outlives the engine by a moment, has kept it.
"""

import fcntl
import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

PATH_VARIABLE = "USERSTREAM_CREATED"
"""Environment variable by which a plugin is told the file."""

_LOOK_SECONDS = 0.1


class PluginRunningError(Exception):
    """A plugin of the stack doesn't end, so its engine still runs."""


class CreatedResources:
    """The file: a line of JSON for each resource."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Keep `ids_after_the_plugins` waiting while the block runs."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    def add(self, urn: str, resource_id: str) -> None:
        """Write down a resource, before anybody else hears of it."""
        line = json.dumps({"urn": urn, "id": resource_id})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def ids_after_the_plugins(self, seconds: float) -> dict[str, str]:
        """URN to id of what was made, once no plugin of the stack runs any more.

        Args:
            seconds: how long to wait for that.

        Raises:
            PluginRunningError: one still runs.
        """
        if not self._path.exists():
            return {}
        deadline = time.monotonic() + seconds
        with self._path.open(encoding="utf-8") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise PluginRunningError from None
                    time.sleep(_LOOK_SECONDS)
                else:
                    return {line["urn"]: line["id"] for line in map(json.loads, file)}
