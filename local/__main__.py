"""Run the commands of the stack on this machine."""

import sys

_INTERRUPTED = 130  # As INTERRUPTED in local/process.py: nothing can be imported yet.

try:
    from local.cli import main

    main()
except KeyboardInterrupt:  # During the import; a running command handles it itself.
    sys.exit(_INTERRUPTED)
except ModuleNotFoundError as error:
    if (error.name or "local").partition(".")[0] in {"local", "infra", "functions", "delivery", "guardrails"}:
        raise
    sys.exit(
        f"Error: this Python ({sys.executable}) has no {error.name}. "
        "Take the project's: .venv/bin/python -m local   (make setup makes it)"
    )
