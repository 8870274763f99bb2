"""Nothing is lost, whatever the wires do: `make faults CHANGES=100000` is the same with more of everything."""

import sys

import pytest

from tests.faults.conftest import OwnStack
from tests.support.faults.run import run_under_faults
from tests.support.faults.wire_faults import EACH

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the emulator's workers as Linux tells of them"),
]

CHANGES = 1_000


def test_every_change_ends_in_the_history_or_whole_in_the_dead_letter_queue(own_stack: OwnStack) -> None:
    run = run_under_faults(own_stack.stack, own_stack.directory, CHANGES, seed=1, every=3)

    figures = "\n".join(run.figures())
    print(figures)  # noqa: T201  pytest shows it when something is wrong
    assert run.ending.is_sound, figures
    assert run.written == CHANGES
    assert run.ending.set_aside, "nobody was poisoned or stubborn"
    for wire, dealt in run.faults.items():
        assert dealt.keys() >= {fault.name for fault in EACH}, f"{wire} met only {dict(dealt)}"
