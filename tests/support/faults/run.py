"""So many changes through faulty wires, and the account of them."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.support.faults.account import Books, Ending
from tests.support.faults.stack_under_faults import StackUnderFaults
from tests.support.faults.written_changes import write_changes
from tests.support.local_stack import LocalStack


@dataclass(frozen=True)
class Run:
    """What came of it.

    Attributes:
        written: Changes that the stream has.
        ending: Where they ended.
        faults: By wire, how often each was dealt.
        poller_restarts: How often the poller was killed.
        write_seconds: Time to write the changes, with the delivery under way.
        settle_seconds: Time from the last write until everything had ended.
    """

    written: int
    ending: Ending
    faults: dict[str, Counter[str]]
    poller_restarts: int
    write_seconds: float
    settle_seconds: float

    def figures(self) -> list[str]:
        """Give the lines that tell of it."""
        dealt = sum(sum(counter.values()) for counter in self.faults.values())
        lines = [
            f"{self.written:,} changes written in {self.write_seconds:.0f} s, ended {self.settle_seconds:.0f} s later",
            f"{dealt:,} faults on the wires, the poller killed {self.poller_restarts} times:",
        ]
        for wire, counter in self.faults.items():
            kinds = ", ".join(f"{count} {kind.lower().replace('_', ' ')}" for kind, count in counter.most_common())
            lines.append(f"  {wire}: {kinds}")
        return [*lines, str(self.ending)]


def run_under_faults(stack: LocalStack, directory: Path, changes: int, *, seed: int, every: int) -> Run:
    """Write changes to a stack that nothing was written to before, and wait until each has ended somewhere.

    Args:
        stack: The stack.
        directory: Its state directory.
        changes: How many.
        seed: Of the changes and the faults.
        every: One request in so many meets a fault.

    Raises:
        AssertionError: it takes longer than anything here can explain.
    """
    patience = 120 + changes / 20
    faults, books = StackUnderFaults(stack, directory, seed, every), Books(stack)
    with faults.delivering():
        began = time.monotonic()
        write_changes(stack, changes, seed, stubborn=3 + changes // 1000)
        wrote = time.monotonic()
        last = max((change.record["dynamodb"]["SequenceNumber"] for change in books.written().values()), key=int)
        faults.keep_going(lambda: faults.has_settled(last), patience)
        faults.calm()
        faults.keep_going(faults.has_rescued_all, patience)
        settled = time.monotonic()
        ending = books.ending()
    return Run(
        written=len(books.written()),
        ending=ending,
        faults={wire: deck.dealt for wire, deck in faults.decks.items()},
        poller_restarts=faults.poller_restarts,
        write_seconds=wrote - began,
        settle_seconds=settled - wrote,
    )
