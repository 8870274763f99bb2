"""Run the commands of the real engine over the emulator."""

import sys

from local.process import INTERRUPTED

try:
    from local.engine.cli import main

    main()
except KeyboardInterrupt:  # During the import; a running command handles it itself.
    sys.exit(INTERRUPTED)
