"""The size of each function's zip for the Lambda platform."""

from pathlib import Path

from benchmarks.report.goals import Goal, Outcome
from infra.packaging.zip import package_bytes

FUNCTIONS = Path(__file__).parents[2] / "functions"


def measure() -> list[Outcome]:
    """MiB of each function's zip."""
    outcomes: list[Outcome] = []
    for name in sorted(handler.parent.name for handler in FUNCTIONS.glob("*/handler.py")):
        mib = len(package_bytes(name, "lambda")) / 2**20
        goal = Goal(figure=f"zip, {name}", against="", direction="most", bound=4, unit="MiB")
        outcomes.append(Outcome(goal=goal, median=mib, smallest=mib, largest=mib))
    return outcomes
