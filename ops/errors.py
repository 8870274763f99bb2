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

import re
from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  botocore's name for it
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)


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


# What botocore raises, said as an error that names the next step.

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_INVALID = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "IncompleteSignature",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
_ABSENT = frozenset(
    {
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "ResourceNotFoundException",
        "ResourceNotFound",
        "NoSuchBucket",
        "NoSuchKey",
        "404",
    }
)
_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
)
_SIGN_IN = "sign in (`aws sso login`), or set AWS_PROFILE; `aws sts get-caller-identity` says who you are"

# Allowed by the action for one message: there is none of this name (SQS developer guide, "API permissions").
_BATCHES_OF_SQS = frozenset({"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"})

_ACTION = re.compile(r"perform:? ([a-z0-9-]+:[A-Za-z]+)")


@contextmanager
def explained(what: str) -> Generator[None]:
    """Turn what an AWS call raises into an OpsError; `what` names the object asked for.

    Raises:
        OpsError: With the object, the service's own words and the next step; a class of it where one fits.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise explain(error, what) from error


def explain(error: BotoCoreError | ClientError, what: str) -> OpsError:
    """Return the error to show for one of botocore's."""
    if isinstance(error, ClientError):
        return _explain_answer(error, what)
    text = str(error)
    if isinstance(error, ProfileNotFound):
        return CredentialsError(text, "`aws configure list-profiles` lists those there are")
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsError(f"No AWS credentials to use: {text}", _SIGN_IN)
    if isinstance(error, ConnectionError | HTTPClientError):
        return CannotReachError(
            f"No answer for {what}: {text}", "check the network; for the stack local: `python -m local status`"
        )
    return OpsError(f"{what}: {text}")


def _explain_answer(error: ClientError, what: str) -> OpsError:
    answer = error.response.get("Error", {})
    code = answer.get("Code", "")
    text = answer.get("Message") or code
    if code in _EXPIRED:
        return CredentialsError(f"The AWS credentials have expired ({code})", _SIGN_IN)
    if code in _INVALID:
        return CredentialsError(f"AWS doesn't know these credentials ({code}): {text}", _SIGN_IN)
    if code in _DENIED:
        action = denied_action(error)
        return DeniedError(
            f"Denied: {action} on {what}. {text}", f"have {action} allowed for your role, or use a profile that may"
        )
    if code in _ABSENT:
        return NotFoundError(
            f"{what} doesn't exist ({code})",
            "is this the right account and stack? `aws sts get-caller-identity` and `pulumi stack output` tell; "
            "an outputs file may be older than the last deployment",
        )
    return OpsError(f"{what}: {error.operation_name} failed with {code}: {text}", "run the same command again")


def denied_action(error: ClientError) -> str:
    """Return the IAM action that was refused: as the answer names it, else the name of the operation."""
    named = _ACTION.search(error.response.get("Error", {}).get("Message", ""))
    action = named.group(1) if named else error.operation_name
    return action.removesuffix("Batch") if error.operation_name in _BATCHES_OF_SQS else action
