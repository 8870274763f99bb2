"""Run a module for as long as its parent lives: `python -m local.parent_watch MODULE ARGUMENTS...`.

The parent keeps the other end of this process's standard input open. When the parent ends, by whatever means, the
system closes that end, and this process goes at once with all its children. Works wherever there are pipes, unlike
Linux's PR_SET_PDEATHSIG.
"""

import os
import runpy
import signal
import sys
import threading

_STDIN = 0


def _end_with_parent() -> None:
    while os.read(_STDIN, 1):
        pass
    # SIGKILL, and the whole group: nobody is left to wait for it, and a child in the middle of its work would stay.
    os.killpg(os.getpgid(0), signal.SIGKILL)


def main() -> None:
    """Run the module named in the first argument, as if it had been started by `python -m`."""
    threading.Thread(target=_end_with_parent, name="tether", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
