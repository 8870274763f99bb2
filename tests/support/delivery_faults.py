"""What can go wrong on the way of a change from the stream to Activity or the dead-letter queue."""

from typing import Literal, Protocol

InvocationFault = Literal[
    "throttled",  # not admitted
    "answer lost",  # it ran, and nobody heard of it
    "raises",  # before it did anything
    "timed out",  # after all its effects
    "table busy",  # after a part of its effects, and it says so
    "queue busy",  # the dead-letter queue takes only a part
    "malformed",  # after all its effects, an answer that says nothing
]
SendingFault = Literal["unreachable", "answer lost"]


class Faults(Protocol):
    """Says what goes wrong next; None for nothing."""

    def invocation(self) -> InvocationFault | None:
        """Of the next invocation."""
        ...

    def sending(self) -> SendingFault | None:
        """Of the next failure document."""
        ...

    def reading_fails(self) -> bool:
        """Whether the next look at the stream is in vain."""
        ...

    def seconds(self) -> float:
        """How long the next call takes."""
        ...

    def room(self) -> int:
        """How much a busy table or queue still takes."""
        ...


class NoFaults:
    """`Faults` of a world in which all goes well, and takes a hundredth of a second."""

    def invocation(self) -> InvocationFault | None:
        return None

    def sending(self) -> SendingFault | None:
        return None

    def reading_fails(self) -> bool:
        return False

    def seconds(self) -> float:
        return 0.01

    def room(self) -> int:
        return 0
