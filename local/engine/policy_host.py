"""`python -m local.engine.policy_host ENGINE PACK`: runs a policy pack for the engine, and ends when the engine does.

Pulumi's own host of policy packs waits to be ended, and an engine that is killed ends nobody.
"""

import os
import runpy
import threading
import time

PARENT_CHECK_SECONDS = 1.0


def _end_with(engine: int) -> None:
    while os.getppid() == engine:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    runpy.run_module("pulumi.policy", run_name="__main__", alter_sys=True)
