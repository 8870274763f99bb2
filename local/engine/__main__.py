"""Run the commands of the real engine over the emulator."""

import sys

from local.process import INTERRUPTED

try:
    from local.engine.cli import main

    main()
except KeyboardInterrupt:  # while it was starting: a command that runs has its own end
    sys.exit(INTERRUPTED)
