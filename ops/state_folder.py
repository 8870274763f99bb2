"""Where the commands keep their own files between two runs: never in the project, never anything that matters."""

import hashlib
import os
import re
from pathlib import Path

from ops.errors import WrongUsageError

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
