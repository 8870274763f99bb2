"""An S3 bucket that nobody sees: no public access of any kind, no access lists, encrypted at rest."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.environment import Environment


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """What a bucket needs.

    Attributes:
        environment: where it is.
        purpose: the middle of its name, for example `failed-records`.
    """

    environment: Environment
    purpose: str


class PrivateBucket(pulumi.ComponentResource):
    """A private bucket; its policy and its lifecycle belong to whoever uses it.

    Attributes:
        bucket: the bucket.
        public_access_block: a bucket policy depends on it, since S3 refuses two changes of a bucket at the same time
            (OperationAborted).
    """

    bucket: aws.s3.Bucket
    public_access_block: aws.s3.BucketPublicAccessBlock

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:PrivateBucket", name, None, opts)
        self._name = name
        self._args = args

        self._create_bucket()
        self._block_public_access()
        self._encrypt()
        self.register_outputs({"bucketName": self.bucket.bucket, "bucketArn": self.bucket.arn})

    def _create_bucket(self) -> None:
        environment = self._args.environment
        self.bucket = aws.s3.Bucket(
            self._name,
            bucket=environment.bucket_name(self._args.purpose),
            # Where nothing is protected, destroying the stack takes the objects along.
            force_destroy=not environment.protect,
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=environment.protect),
        )

    def _block_public_access(self) -> None:
        self.public_access_block = aws.s3.BucketPublicAccessBlock(
            self._name,
            bucket=self.bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.s3.BucketOwnershipControls(
            self._name,
            bucket=self.bucket.bucket,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.public_access_block]),
        )

    def _encrypt(self) -> None:
        # S3's own keys: free of charge, and of KMS's limits.
        by_default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="AES256"
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            self._name,
            bucket=self.bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=by_default
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
