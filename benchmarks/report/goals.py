"""The goals, as data: what each measured figure is held against, and which way is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.harness.paired import ratio


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One line of the table: a figure must stay at or under (``most``), or reach (``least``), a bound."""

    figure: str
    against: str
    direction: Literal["most", "least"]
    bound: float
    unit: str = "x"

    def met(self, value: float) -> bool:
        """Whether a measured value reaches the goal."""
        return value <= self.bound if self.direction == "most" else value >= self.bound

    @property
    def wording(self) -> str:
        """The goal in words, e.g. ``at most 1.1 x``."""
        return f"at {self.direction} {self.bound:g} {self.unit}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A goal and what was measured for it: the median, and the smallest and largest round."""

    goal: Goal
    median: float
    smallest: float
    largest: float


def ratio_outcome(goal: Goal, samples: Mapping[str, Sequence[float]], peer: str) -> Outcome:
    """Ours, the first of the samples, over the peer's, round by round."""
    found = ratio(samples, next(iter(samples)), peer)
    return Outcome(goal=goal, median=found.median, smallest=min(found.rounds), largest=max(found.rounds))


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as a Markdown table, in the order given."""
    lines = ["| figure | against | goal | measured (min to max) | reached |", "| --- | --- | --- | --- | --- |"]
    for outcome in outcomes:
        goal = outcome.goal
        spread = "" if outcome.smallest == outcome.largest else f" ({outcome.smallest:.3g} to {outcome.largest:.3g})"
        reached = "yes" if goal.met(outcome.median) else "**no**"
        measured = f"{outcome.median:.3g} {goal.unit}{spread}"
        lines.append(f"| {goal.figure} | {goal.against} | {goal.wording} | {measured} | {reached} |")
    return "\n".join(lines)
