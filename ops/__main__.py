"""Run the operators' command line."""

import sys

from ops.errors import ExitCode

try:
    from ops.cli import cli

    cli(prog_name="python -m ops")
except KeyboardInterrupt:  # during the imports; a running command handles it itself
    sys.exit(ExitCode.INTERRUPTED)
