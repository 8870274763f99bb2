"""What can go wrong on the way of a change from the stream to Activity or the dead-letter queue."""

from typing import Literal, Protocol, get_args

InvocationFault = Literal[
    "throttled",  # not admitted
    "answer lost",  # it ran, and the connection broke before the response
    "raises",  # before any effect
    "timed out",  # after all its effects
    "table busy",  # after a part of its effects, which it reports
    "queue busy",  # the dead-letter queue takes only a part
    "malformed",  # after all its effects, a response that can't be read
]
SendingFault = Literal["unreachable", "answer lost"]

INVOCATION_FAULTS: tuple[InvocationFault, ...] = get_args(InvocationFault)
SENDING_FAULTS: tuple[SendingFault, ...] = get_args(SendingFault)


class Faults(Protocol):
    """Decides what goes wrong next; None for nothing."""

    def invocation(self) -> InvocationFault | None:
        """Return the fault of the next invocation."""
        ...

    def sending(self) -> SendingFault | None:
        """Return the fault of the next failure document."""
        ...

    def reading_fails(self) -> bool:
        """Return whether the next read of the stream fails."""
        ...

    def seconds(self) -> float:
        """Return how long the next call takes."""
        ...

    def room(self) -> int:
        """Return how many items a busy table or queue still takes."""
        ...


class NoFaults:
    """No faults: every call succeeds after a hundredth of a second."""

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
