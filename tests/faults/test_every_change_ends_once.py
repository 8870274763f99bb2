"""Random changes through faulty connections end in Activity or whole in the dead-letter queue.

`make faults CHANGES=100000` runs the same test with more changes and prints the same report.
"""

import os
import sys
import time

import pytest

from tests.faults.conftest import OwnStack
from tests.support.faults.audit import Audit
from tests.support.faults.connection_faults import EVERY_FAULT
from tests.support.faults.random_changes import write_changes
from tests.support.faults.stack_under_faults import StackUnderFaults

MET_BY_ALL = 1_000
"""With as many changes, each connection meets every fault."""

CHANGES = int(os.environ.get("USERSTREAM_FAULT_CHANGES", MET_BY_ALL))
SEED = int(os.environ.get("USERSTREAM_FAULT_SEED", "1"))

REQUESTS_PER_FAULT = 5 if CHANGES <= MET_BY_ALL else 8

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the emulator's workers in /proc"),
    pytest.mark.timeout(max(900, CHANGES // 5)),
]


def test_every_change_ends_in_the_history_or_whole_in_the_dead_letter_queue(own_stack: OwnStack) -> None:
    stack, directory = own_stack
    patience_seconds = 400 + CHANGES / 20
    delivery, audit = StackUnderFaults(stack, directory, SEED, REQUESTS_PER_FAULT), Audit(stack)
    with delivery.delivering():
        began = time.monotonic()
        write_changes(stack, CHANGES, SEED, denied=3 + CHANGES // 1000)
        wrote = time.monotonic()
        last = max((change.record["dynamodb"]["SequenceNumber"] for change in audit.written().values()), key=int)
        delivery.run_until(lambda: delivery.has_settled(last), patience_seconds)
        delivery.stop_faults()
        delivery.run_until(delivery.has_rescued_all, patience_seconds)
        settled = time.monotonic()
        result = audit.result()
    written = len(audit.written())
    injected = {connection: deck.dealt for connection, deck in delivery.decks.items()}
    faults = sum(counter.total() for counter in injected.values())
    report = [
        f"{written:,} changes written in {wrote - began:.0f} s, ended {settled - wrote:.0f} s later",
        f"{faults:,} faults on the connections, the poller killed {delivery.poller_restarts} times:",
        *(
            f"  {connection}: "
            + ", ".join(f"{count} {fault.lower().replace('_', ' ')}" for fault, count in counter.most_common())
            for connection, counter in injected.items()
        ),
        str(result),
    ]
    print("", *report, sep="\n")  # noqa: T201  what `make faults` shows
    assert result.is_sound, report
    assert written == CHANGES
    if CHANGES >= MET_BY_ALL:
        assert result.dead_lettered, "no change was unsupported or denied"
        for connection, counter in injected.items():
            assert counter.keys() >= {fault.name for fault in EVERY_FAULT}, f"{connection} met only {dict(counter)}"
