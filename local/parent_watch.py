"""Run a module for as long as its parent lives: `python -m local.parent_watch MODULE ARGUMENTS...`.

The parent keeps the other end of this process's standard input open. When the parent ends, by
whatever means, the system closes that end, and this process kills itself and all its children. This
works wherever there are pipes, unlike Linux's PR_SET_PDEATHSIG.
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
    # SIGKILL to the whole group: nobody waits for it any more, and a busy child would stay.
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
