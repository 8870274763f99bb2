"""Run the commands of the stack on this machine."""

import sys

from local.process import INTERRUPTED

try:
    from local.cli import main

    main()
except KeyboardInterrupt:  # while it was starting: a command that runs has its own end
    sys.exit(INTERRUPTED)
