"""What came of a check: each step, whether it was as it should be, and what to do if not."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from ops.errors import OpsError
from ops.job import Job


class Outcome(Enum):
    """What came of a step."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "not checked"


class Step(NamedTuple):
    """One step of a check."""

    name: str
    outcome: Outcome
    seconds: float
    detail: str
    """What was found, or where it failed."""
    next_step: str | None = None
    """What to do; None if nothing is."""


@dataclass
class CheckReport:
    """All steps, in their order."""

    environment: str
    user_id: str | None = None
    steps: list[Step] = field(default_factory=list[Step])
    interrupted: bool = False

    @property
    def failed(self) -> list[Step]:
        """The steps that weren't as they should be."""
        return [step for step in self.steps if step.outcome is Outcome.FAILED]

    @property
    def passed(self) -> bool:
        """Whether all that was checked is as it should be."""
        return not self.failed and not self.interrupted

    def skip(self, name: str, why: str) -> None:
        """Say that a step wasn't checked."""
        self.steps.append(Step(name, Outcome.SKIPPED, 0.0, why))

    @contextmanager
    def step(self, name: str, job: Job) -> Generator[list[str]]:
        """Time a step; an OpsError in it is its failure, and ends the block alone.

        The block appends to the list what it found.
        """
        began, found = job.now(), list[str]()
        try:
            yield found
        except OpsError as error:
            self.steps.append(Step(name, Outcome.FAILED, job.now() - began, error.message, error.next_step))
        else:
            self.steps.append(Step(name, Outcome.OK, job.now() - began, "; ".join(found)))

    @property
    def last_failed(self) -> bool:
        """Whether the last step failed, so that the next one makes no sense."""
        return bool(self.steps) and self.steps[-1].outcome is Outcome.FAILED
