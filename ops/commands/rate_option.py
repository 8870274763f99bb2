"""`--rate`: how many users a second a long work takes at most."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click
from typing_extensions import override

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Rate(click.FloatRange):
    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        rate: float = super().convert(value, param, ctx)
        if math.isnan(rate):  # it is neither above nor below any limit
            self.fail("nan is no rate: give users a second, such as 500 or 0.5", param, ctx)
        return rate


def rate_option(users_per_second: float, help_text: str) -> Callable[[_Command], _Command]:
    """Return the option.

    Args:
        users_per_second: without the option.
        help_text: what is counted, in the words of the command.
    """
    return click.option(
        "--rate",
        metavar="N",
        type=_Rate(min=0, min_open=True),
        default=users_per_second,
        show_default=True,
        help=help_text,
    )
