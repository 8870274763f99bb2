"""Run the commands of the stack on this machine."""

import sys

from local.process import INTERRUPTED

try:
    from local.cli import main

    main()
except KeyboardInterrupt:  # During the import; a running command handles it itself.
    sys.exit(INTERRUPTED)
