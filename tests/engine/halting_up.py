"""`python -m tests.engine.halting_up DIRECTORY ENDPOINT`: bring dev up, and stop for ever before the first function.

By then the engine has made the tables, the roles and whatever else a function needs; the test kills it there.
"""

import sys
import time
from pathlib import Path

import pulumi

from local.engine.workspace import Workspace
from tests.engine.engine_stack import EngineStack

HALTED = "halted"


def _halt_at_a_function(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    if args.type_ == "aws:lambda/function:Function":
        sys.stdout.write(f"{HALTED}\n")
        sys.stdout.flush()
        while True:
            time.sleep(60)
    return None


if __name__ == "__main__":
    workspace = Workspace(directory=Path(sys.argv[1]), endpoint_url=sys.argv[2])
    settings = {"userstream:requireTls": "false"}
    EngineStack(workspace=workspace, name="dev", settings=settings).up(transform=_halt_at_a_function)
