"""Groups that import a command when it is named: help and wrong usage wait for no import.

It is click's documented pattern of lazily loaded subcommands. The short helps stand beside the
names, because a list of the commands must not import them.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, NamedTuple

import click
from typing_extensions import override


class Lazy(NamedTuple):
    """Where a command is, and what the list of the commands says of it."""

    import_path: str
    """`module:attribute`."""
    short_help: str


class LazyGroup(click.Group):
    """A group that lists its commands in the given order, and imports each on its first use."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, Lazy], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.commands = _LazyCommands(lazy)
        self._lazy = lazy

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)  # not in the order of the alphabet

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.short_help) for name, command in self._lazy.items()])


class _LazyCommands(MutableMapping[str, click.Command]):
    """From names to commands, as click keeps them."""

    def __init__(self, lazy: Mapping[str, Lazy]) -> None:
        self._lazy = lazy
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            module, _, attribute = self._lazy[name].import_path.partition(":")
            self._loaded[name] = getattr(import_module(module), attribute)
            self._loaded[name].short_help = self._lazy[name].short_help
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        raise NotImplementedError("a command is declared with the group")

    def __delitem__(self, name: str) -> None:
        raise NotImplementedError("a command is declared with the group")

    def __iter__(self) -> Iterator[str]:
        return iter(self._lazy)

    def __len__(self) -> int:
        return len(self._lazy)
