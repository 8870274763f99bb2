"""The options by which commands take failed records: by consumer, by conditions, by id, or all."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from click.shell_completion import CompletionItem
from typing_extensions import override

from ops.consumers import consumer_names
from ops.dead_letters.selection import FIELD_NAMES, Selection


class ConsumerName(click.ParamType[str]):
    """The name of a declared consumer, or `unknown`."""

    name = "consumer"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        names = consumer_names()
        if value not in names:
            self.fail(f"there is no consumer {value!r}: {', '.join(names)}", param, ctx)
        return value

    @override
    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in consumer_names() if name.startswith(incomplete)]


consumer_option = click.option(
    "--consumer",
    metavar="NAME",
    type=ConsumerName(),
    help="Those on which this consumer failed, as `dlq list` names it; unknown: on which no declared one did.",
)

where_option = click.option(
    "--where",
    metavar="CONDITIONS",
    multiple=True,
    help=f"Those for which all hold: kind=permanent, reason~schemaVersion, user=ID; fields: {FIELD_NAMES}.",
)


def selection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `[ID ... | --all | --consumer NAME, --where CONDITIONS]`, given as `selection`."""

    @wraps(command)
    def with_selection(
        *arguments: Any, ids: tuple[str, ...], where: tuple[str, ...], consumer: str | None, all_: bool, **options: Any
    ) -> None:
        selection = Selection.of(ids, where, consumer=consumer, everything=all_)
        command(*arguments, selection=selection, **options)

    add_ids = click.argument("ids", metavar="[ID]...", nargs=-1)
    add_all = click.option("--all", "all_", is_flag=True, help="All of them; with --consumer, all of that one.")
    return add_ids(add_all(consumer_option(where_option(with_selection))))
