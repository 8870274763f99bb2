"""Run a policy pack for the engine: `python -m local.engine.policy_host ENGINE PACK`.

It ends when the engine ends; Pulumi's own host waits until the engine ends it, and a killed engine
doesn't.
"""

import os
import runpy
import threading
import time

_PARENT_CHECK_SECONDS = 1.0


def _end_with(engine: int) -> None:
    while os.getppid() == engine:
        time.sleep(_PARENT_CHECK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    runpy.run_module("pulumi.policy", run_name="__main__", alter_sys=True)
