"""`--rate`: how many users a second a long work takes at most."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ops.commands.finite_range import FiniteRange

_Command = TypeVar("_Command", bound=Callable[..., Any])


def rate_option(users_per_second: float, help_text: str) -> Callable[[_Command], _Command]:
    """Return the option.

    Args:
        users_per_second: without the option.
        help_text: what is counted, in the words of the command.
    """
    return click.option(
        "--rate",
        metavar="N",
        type=FiniteRange(min=0, min_open=True),
        default=users_per_second,
        show_default=True,
        help=help_text,
    )
