"""Run the operators' command line."""

import sys

_INTERRUPTED = 130  # As ExitCode.INTERRUPTED: nothing can be imported yet.

try:
    from ops.cli import cli

    cli(prog_name="python -m ops")
except KeyboardInterrupt:  # during the imports; a running command handles it itself
    sys.exit(_INTERRUPTED)
except ModuleNotFoundError as error:
    if (error.name or "ops").partition(".")[0] in {"ops", "local", "infra", "functions", "delivery", "contract"}:
        raise
    sys.exit(
        f"Error: this Python ({sys.executable}) has no {error.name}. "
        "Take the project's: .venv/bin/python -m ops   (make setup makes it)"
    )
