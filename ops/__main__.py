"""Run the operators' commands."""

import sys

from ops.errors import ExitCode

try:
    from ops.cli import cli

    cli(prog_name="python -m ops")
except KeyboardInterrupt:  # while it was starting: a command that runs has its own end
    sys.exit(ExitCode.INTERRUPTED)
