"""A number in a range, as an option takes it."""

import math
from typing import Any

import click
from typing_extensions import override


class FiniteRange(click.FloatRange):
    """A number in a range, and a finite one: nan is neither above nor below any limit, and infinity has no size."""

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is no number to reckon with: give one such as 0.5 or 20", param, ctx)
        return number
