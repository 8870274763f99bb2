"""A private S3 bucket: no public access, no access control lists, encrypted at rest."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.environment import Environment


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """What a bucket needs.

    Attributes:
        environment: whose bucket it is.
        base_name: what its name says of its content, in up to 8 characters.
    """

    environment: Environment
    base_name: str


class PrivateBucket(pulumi.ComponentResource):
    """A private bucket; the component that uses it adds the bucket policy and the lifecycle.

    Attributes:
        bucket: the bucket; its name is that of `naming.bucket_name`, or, of a stack from before
            the names had regions, the one that it has.
        public_access_block: a bucket policy has to depend on it, because S3 refuses two changes
            of a bucket at the same time (OperationAborted).
    """

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:PrivateBucket", name, None, opts)
        environment = args.environment
        self.bucket = aws.s3.Bucket(
            name,
            bucket=pulumi.Output.from_input(environment.account_id).apply(
                lambda account: naming.bucket_name(
                    args.base_name, environment.name, environment.settings.region, account
                )
            ),
            # Where nothing is protected, destroying the stack deletes the objects too.
            force_destroy=not environment.protect,
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=environment.protect, ignore_changes=["bucket"]),
        )
        self.public_access_block = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=self.bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.s3.BucketOwnershipControls(
            name,
            bucket=self.bucket.bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.public_access_block]),
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=self.bucket.bucket,
            # S3's own keys: they cost nothing and have none of KMS's request limits.
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"bucketName": self.bucket.bucket, "bucketArn": self.bucket.arn})
