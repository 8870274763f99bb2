"""Run a module for as long as its parent lives: `python -m local.parent_watch MODULE ARGUMENTS...`.

The parent keeps the other end of this process's standard input open. When the parent ends, by
whatever means, the system closes that end, and this process kills itself and all its children. This
works wherever there are pipes, unlike Linux's PR_SET_PDEATHSIG.

A parent that keeps no pipe open, such as the Pulumi engine, is watched by its process id with
`--by-id` before MODULE; then this process alone ends.
"""

import os
import runpy
import signal
import sys
import threading
import time

_STDIN = 0
_CHECK_SECONDS = 1.0


def _end_with_pipe() -> None:
    while os.read(_STDIN, 1):
        pass
    # SIGKILL to the whole group: nobody waits for it any more, and a busy child would stay.
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_CHECK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    del sys.argv[0]
    if sys.argv[0] == "--by-id":
        del sys.argv[0]
        threading.Thread(target=_end_with, args=[os.getppid()], name="parent-watch", daemon=True).start()
    else:
        threading.Thread(target=_end_with_pipe, name="parent-watch", daemon=True).start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
