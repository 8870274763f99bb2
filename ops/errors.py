"""The errors that end a command, their exit codes, and the translation of botocore's errors.

Every function of ops that calls AWS may raise these; docstrings name only those with another cause.

OpsError                      1   the work could not be done, or not all of it
├── WrongUsageError           2   the command as typed can't be carried out
├── CannotReachError          3   no way to the stack: address, tools
│   ├── CredentialsError      3   none, expired, or not valid there
│   ├── PulumiError           3   the pulumi CLI is missing or fails
│   └── LocalStackDownError   3   the stack `local` isn't running
├── NotFoundError             4   a stack, queue, function, table, message or user doesn't exist
├── DeniedError               5   IAM denies an action
├── UnreadableRecordError     1   a failed record that a message names in S3 is out of reach
└── WentBackError             1   the release is going back, or has gone
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum
from typing import ClassVar

from botocore import exceptions as botocore_errors
from botocore.exceptions import BotoCoreError, ClientError


class ExitCode(IntEnum):
    """The exit codes of all commands; docs/ops.md has the same table."""

    OK = 0
    UNFINISHED = 1  # something failed, is left over, or needs attention
    USAGE = 2
    CANNOT_REACH = 3
    NOT_FOUND = 4
    DENIED = 5
    INTERRUPTED = 130  # ended by Ctrl-C: what is done stays done (128 + SIGINT, as shells have it)


class OpsError(Exception):
    """An error that the operator can act on: what happened, and what to do next."""

    exit_code: ClassVar = ExitCode.UNFINISHED

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class WrongUsageError(OpsError):
    """The command as typed can't be carried out."""

    exit_code = ExitCode.USAGE


class CannotReachError(OpsError):
    """The stack can't be reached from here."""

    exit_code = ExitCode.CANNOT_REACH


class CredentialsError(CannotReachError):
    """AWS credentials are missing, expired or invalid."""


class PulumiError(CannotReachError):
    """The pulumi CLI, which reads the stack's outputs, is missing or fails."""


class LocalStackDownError(CannotReachError):
    """The stack `local` isn't running."""


class NotFoundError(OpsError):
    """Something that was named doesn't exist."""

    exit_code = ExitCode.NOT_FOUND


class DeniedError(OpsError):
    """IAM denies an action."""

    exit_code = ExitCode.DENIED


class UnreadableRecordError(OpsError):
    """A failed record that a message names in S3 is gone, denied, or isn't this stack's.

    It is no reason to stop: the message can't be replayed, and others can.
    """


_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_INVALID = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "IncompleteSignature",
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
_ABSENT = (
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "ResourceNotFoundException",
    "ResourceNotFound",
    "NoSuchBucket",
    "NoSuchKey",
    "404",
)
_NO_CREDENTIALS = (
    botocore_errors.NoCredentialsError,
    botocore_errors.PartialCredentialsError,
    botocore_errors.CredentialRetrievalError,
    botocore_errors.TokenRetrievalError,
    botocore_errors.SSOTokenLoadError,
    botocore_errors.UnauthorizedSSOTokenError,
)
_SIGN_IN = "sign in (`aws sso login`), or set AWS_PROFILE; `aws sts get-caller-identity` says who you are"

# IAM has no actions of these names: the action for one message allows them (SQS developer guide,
# "API permissions").
_SQS_BATCHES = frozenset({"SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"})

_ACTION = re.compile(r"perform:? ([a-z0-9-]+:[A-Za-z]+)")


@contextmanager
def translate_aws_errors(what: str) -> Generator[None]:
    """Raise what botocore raises in the block as an OpsError about the AWS resource `what`."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise translate(error, what) from error


def translate(error: BotoCoreError | ClientError, what: str) -> OpsError:
    """Return the OpsError for one of botocore's errors."""
    if isinstance(error, ClientError):
        return _translate_response(error, what)
    text = str(error)
    if isinstance(error, botocore_errors.ProfileNotFound):
        return CredentialsError(text, "`aws configure list-profiles` lists the profiles")
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsError(f"No AWS credentials to use: {text}", _SIGN_IN)
    if isinstance(error, botocore_errors.ConnectionError | botocore_errors.HTTPClientError):
        advice = "check the network; for the stack local: `python -m local status`"
        return CannotReachError(f"No answer for {what}: {text}", advice)
    return OpsError(f"{what}: {text}")


def _translate_response(error: ClientError, what: str) -> OpsError:
    response = error.response.get("Error", {})
    code = response.get("Code", "")
    text = response.get("Message") or code
    if code in _EXPIRED:
        return CredentialsError(f"The AWS credentials have expired ({code})", _SIGN_IN)
    if code in _INVALID:
        return CredentialsError(f"AWS doesn't know these credentials ({code}): {text}", _SIGN_IN)
    if code in _DENIED:
        action = denied_action(error)
        advice = f"have {action} allowed for your role, or use a profile that may"
        return DeniedError(f"Denied: {action} on {what}. {text}", advice)
    if code in _ABSENT:
        return NotFoundError(
            f"{what} doesn't exist ({code})",
            "check the account and the stack with `aws sts get-caller-identity` and `pulumi stack output`; "
            "an outputs file may be older than the last deployment",
        )
    return OpsError(f"{what}: {error.operation_name} failed with {code}: {text}", "run the same command again")


def denied_action(error: ClientError) -> str:
    """Return the IAM action that was denied, as the response names it, else the operation."""
    named = _ACTION.search(error.response.get("Error", {}).get("Message", ""))
    action = named.group(1) if named else error.operation_name
    return action.removesuffix("Batch") if error.operation_name in _SQS_BATCHES else action
