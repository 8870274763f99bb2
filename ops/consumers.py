"""The consumers of one stack: their declarations, with the names that the stack's outputs give."""

from dataclasses import dataclass

from infra import consumers
from infra.consumers.declaration import Consumer, Source
from infra.outputs import StackOutputs

UNKNOWN_CONSUMER = "unknown"
"""Shown, and taken by `--consumer`, for what no declared consumer of this stack has failed on."""


@dataclass(frozen=True, kw_only=True)
class StackConsumer:
    """A declared consumer, and its resources in one stack; None for what it doesn't have."""

    declaration: Consumer
    function_name: str | None
    """None if the stack's settings switch it off."""
    queue_url: str | None = None
    failure_queue_url: str | None = None

    @property
    def name(self) -> str:
        """Its name on the command line: `log-user-changes`."""
        return self.declaration.logical_name

    @property
    def is_proven_by_activity(self) -> bool:
        """Whether an item in Activity proves that it processed a change.

        Of the others the response is the proof: docs/decisions/0034-replay-by-consumer.md.
        """
        return self.declaration.source is Source.USERS_STREAM


def consumers_of(outputs: StackOutputs) -> tuple[StackConsumer, ...]:
    """Return every declared consumer, in the order of the list."""
    values = outputs.model_dump(by_alias=True)
    return tuple(
        StackConsumer(
            declaration=declaration,
            function_name=values.get(declaration.function_output),
            queue_url=values.get(declaration.queue_output),
            failure_queue_url=values.get(declaration.failure_queue_output),
        )
        for declaration in consumers.CONSUMERS
    )


def consumer_names() -> list[str]:
    """Return what `--consumer` takes."""
    return [*(declaration.logical_name for declaration in consumers.CONSUMERS), UNKNOWN_CONSUMER]
