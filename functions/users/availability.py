"""Tells a service that can't answer now from a call that it will never answer.

The former becomes `UnavailableError`: the caller may send the same request again. The latter (a denied action, a
missing table) stays botocore's own error, since it is ours to mend and no caller's.
"""

from collections.abc import Generator
from contextlib import contextmanager

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from functions.transient_failures import error_code, http_status
from functions.users.errors import UnavailableError

# Amazon DynamoDB Developer Guide, "Error handling with DynamoDB"; API Reference, TransactWriteItems. Fewer than
# functions.transient_failures has: a missing permission holds a stream back until someone grants it, but nobody should
# be told to send the same request again a second later for that.
_BUSY = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)
_FIRST_SERVER_ERROR = 500


@contextmanager
def unavailability() -> Generator[None]:
    """Turn what the service can't do right now, within the block, into `UnavailableError`."""
    try:
        yield
    except ClientError as error:
        if error_code(error) in _BUSY or http_status(error) >= _FIRST_SERVER_ERROR:
            raise UnavailableError(error_code(error)) from error
        raise
    except (HTTPClientError, NoConnectionError, ResponseParserError) as error:
        raise UnavailableError(type(error).__name__) from error
