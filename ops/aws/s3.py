"""The bucket of the failed records that are too large for a message."""

from typing import TYPE_CHECKING

from ops.errors import OpsError, translate_aws_errors

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


class EnvelopeStore:
    """The bucket of the envelopes that are too large for a message.

    Both methods raise NotFoundError if the object or the bucket doesn't exist, and DeniedError if
    IAM denies the call.
    """

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def fetch(self, location: str) -> str:
        """Return the envelope at `s3://bucket/key`."""
        bucket, key = _bucket_and_key(location)
        with translate_aws_errors(f"the failed record {location}"):
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8")

    def keep(self, location: str, text: str) -> None:
        """Write the envelope to `s3://bucket/key`, replacing what is there."""
        bucket, key = _bucket_and_key(location)
        with translate_aws_errors(f"the failed record {location}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")


def _bucket_and_key(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if not location.startswith("s3://") or not key:
        raise OpsError(f"{location!r} isn't an s3://bucket/key address")
    return bucket, key
