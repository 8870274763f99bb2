"""Where the commands keep their own files between two runs: never in the project, never anything that matters."""

import hashlib
import os
import re
from pathlib import Path

STATE_VARIABLE = "USERSTREAM_OPS_STATE"


def state_file(kind: str, environment: str, about: str, suffix: str) -> Path:
    """Return the path of a stack's file: `about` (a URL or an ARN) tells apart stacks of equal names."""
    own = os.environ.get(STATE_VARIABLE)
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(own) if own else Path(base) / "userstream"
    digest = hashlib.sha256(about.encode()).hexdigest()[:12]
    return folder / f"{kind}-{re.sub(r'[^A-Za-z0-9_-]', '_', environment)}-{digest}{suffix}"
