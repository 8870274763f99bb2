"""Whether a table's changes still reach the consumer that reads its stream.

A table that was restored, or whose stream was switched off and on, has a stream of another name or
none. The event source mapping goes on with the old one, without an error, and gets nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.consumers.declaration import STREAM_VIEW_TYPES, Source
from ops.aws.cloudwatch import MappingState
from ops.aws.streams import TableStream
from ops.stack_outputs import LOCAL_STACK_NAME

RECONNECT_LOCALLY = "python -m local reconnect"


@dataclass(frozen=True, kw_only=True)
class StreamHealth:
    """A table's stream, and what is connected to it."""

    stream: TableStream
    source: Source
    mappings: Sequence[MappingState]
    """Of the function that reads it."""
    expected_arn: str | None = None
    """The one in the stack's outputs; None if no output names it."""

    @property
    def mapping(self) -> MappingState | None:
        """The mapping that reads it; else the one that reads another stream."""
        current = [one for one in self.mappings if one.source == self.stream.arn]
        return next(iter([*current, *self.mappings]), None)

    def problem(self) -> str | None:
        """Return what keeps the table's changes from the consumer, if anything does."""
        table, arn, view_type = self.stream
        if arn is None:
            return f"the stream of {table} is switched off: no change is recorded"
        wanted = STREAM_VIEW_TYPES[self.source]
        if view_type != wanted:
            return f"the stream of {table} has {view_type} records and not {wanted}"
        if self.mapping is not None and self.mapping.source != arn:
            return (
                f"the event source mapping reads {_label(self.mapping.source)}, which {table} no longer writes to: "
                f"its stream is {_label(arn)}; nothing is delivered"
            )
        if self.expected_arn not in {None, arn}:
            return f"the stream of {table} is {_label(arn)}, and the stack's outputs name another"
        return None


def reconnecting_command(stack: str) -> str:
    """Return the command that makes the stream as the program has it, and maps it.

    `stack` is the option that names the stack: `--stack dev`.
    """
    if stack == f"--stack {LOCAL_STACK_NAME}":
        return RECONNECT_LOCALLY
    return f"pulumi up --refresh {stack}" if stack.startswith("--stack ") else "pulumi up --refresh"


def _label(stream_arn: str) -> str:
    """Return a stream without account and region: `Users-dev/stream/2026-11-24T00:00:00.000`."""
    return stream_arn.partition(":table/")[2] or stream_arn
