"""Which failures of an AWS call may pass, so that the same call is worth another attempt later.

Everything else is unforeseen and propagates: the event source mapping then isolates the record by bisection.
"""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  botocore's name for it
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
)
from botocore.parsers import ResponseParserError

TRANSIENT_CODES = frozenset(
    {
        # The service is busy, or this account asked too much of it.
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "Throttling",
        "RequestThrottled",
        "RequestLimitExceeded",
        "LimitExceededException",
        "TooManyRequestsException",
        "SlowDown",
        "KmsThrottled",
        "KMS.ThrottlingException",
        # The service failed.
        "InternalServerError",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ReplicatedWriteConflictException",
        "TransactionInProgressException",
        # Something around the record is wrong that an operator can put right: a policy that came late or was narrowed,
        # credentials that ran out, a clock that is wrong, a key or a table that is gone. The record itself is good.
        # Were it set aside, one missing permission would empty the stream into the dead-letter queue; held back, its
        # order stays, the iterator's age raises the alarm, and past the mapping's limits the failure queue still keeps
        # the pointer.
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "ResourceNotFoundException",
        "NoSuchBucket",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "KmsAccessDenied",
        "KmsDisabled",
        "KmsInvalidKeyUsage",
        "KmsInvalidState",
        "KmsNotFound",
        "KmsOptInRequired",
        "KMS.AccessDeniedException",
        "KMS.DisabledException",
        "KMS.InvalidKeyUsageException",
        "KMS.InvalidStateException",
        "KMS.NotFoundException",
        "KMS.OptInRequired",
    }
)

TRANSIENT_EXCEPTIONS = (
    ConnectionError,  # no route, refused, no TLS, connect time-out
    HTTPClientError,  # read time-out, connection closed
    ResponseParserError,  # an answer cut off or garbled on its way
    NoCredentialsError,
    CredentialRetrievalError,
)


AWS_CALL_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""All that a botocore call raises by itself; catch these, ask `transient_reason`, and raise again what isn't."""


def transient_reason(error: Exception) -> str | None:
    """Say in a few words why the call may work later; None when nothing says that it may.

    Answers of 5xx count whatever their code: a proxy or a service in trouble doesn't keep to its own list.
    """
    if isinstance(error, TRANSIENT_EXCEPTIONS):
        return type(error).__name__
    if isinstance(error, ClientError):
        code = error_code(error)
        if code in TRANSIENT_CODES or http_status(error) >= 500:  # noqa: PLR2004  the server errors begin at 500
            return f"{error.operation_name}: {code}"
    return None


def error_code(error: ClientError) -> str:
    """Return the service's code, such as `ThrottlingException`."""
    return error.response.get("Error", {}).get("Code", "")


def http_status(error: ClientError) -> int:
    """Return the answer's HTTP status, 0 when there is none."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
