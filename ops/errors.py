"""What can end a command early, and the exit code of each.

OpsError                      1   the work could not be done, or not all of it
├── WrongUsageError           2   the command as typed can't be carried out
├── CannotReachError          3   no way to the stack: address, tools
│   ├── CredentialsError      3   none, expired, or not valid there
│   ├── PulumiError           3   the pulumi CLI is missing or refuses
│   └── LocalStackDownError   3   `local` isn't running
├── NotFoundError             4   a stack, queue, function, table, message or user that isn't there
└── DeniedError               5   IAM says no
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script learns from a command; the same table stands in docs/ops.md."""

    OK = 0
    UNFINISHED = 1
    """Something failed, is left over, or needs attention."""
    USAGE = 2
    CANNOT_REACH = 3
    NOT_FOUND = 4
    DENIED = 5
    INTERRUPTED = 130
    """Ended by Ctrl-C: what was done is done, the rest is where it was (128 + SIGINT, as shells have it)."""


class OpsError(Exception):
    """A command's end that its reader can act on: what happened, and what to do next."""

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class WrongUsageError(OpsError):
    """The command as typed can't be carried out."""


class CannotReachError(OpsError):
    """The stack can't be reached from here."""


class CredentialsError(CannotReachError):
    """There are no AWS credentials, or they aren't valid (any more)."""


class PulumiError(CannotReachError):
    """The pulumi CLI, which knows the stack's outputs, isn't there or refuses."""


class LocalStackDownError(CannotReachError):
    """The stack `local` isn't running."""


class NotFoundError(OpsError):
    """Something named isn't there."""


class DeniedError(OpsError):
    """IAM refuses an action."""


EXIT_CODES: dict[type[OpsError], ExitCode] = {
    OpsError: ExitCode.UNFINISHED,
    WrongUsageError: ExitCode.USAGE,
    CannotReachError: ExitCode.CANNOT_REACH,
    CredentialsError: ExitCode.CANNOT_REACH,
    PulumiError: ExitCode.CANNOT_REACH,
    LocalStackDownError: ExitCode.CANNOT_REACH,
    NotFoundError: ExitCode.NOT_FOUND,
    DeniedError: ExitCode.DENIED,
}
"""The only place where an error becomes an exit code; a test holds that no class is missing."""
