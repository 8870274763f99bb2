"""`make faults CHANGES=100000`: so many changes through faulty wires; prints the figures, fails if one is lost."""

import sys
import tempfile
from pathlib import Path

from tests.support.faults.run import run_under_faults
from tests.support.local_stack import running_local_stack

EVERY = 8


def main(changes: int, seed: int) -> int:
    with tempfile.TemporaryDirectory(prefix="userstream-faults-") as name, running_local_stack(Path(name)) as stack:
        run = run_under_faults(stack, Path(name), changes, seed=seed, every=EVERY)
    print("\n".join(run.figures()))  # noqa: T201  what it is for
    return 0 if run.ending.is_sound and run.written == changes else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
