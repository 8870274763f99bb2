"""A private S3 bucket: no public access, no access control lists, encrypted at rest."""

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.environment import Environment


class PrivateBucket(pulumi.ComponentResource):
    """A private bucket; the component that uses it adds the bucket policy and the lifecycle.

    Attributes:
        bucket: named after the component, for example
            `userstream-failed-records-dev-123456789012`. S3's names are shared by all accounts,
            so the account's number is part of them.
        public_access_block: a bucket policy has to depend on it, because S3 refuses two changes
            of a bucket at the same time (OperationAborted).
    """

    def __init__(self, name: str, args: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:PrivateBucket", name, None, opts)
        self.bucket = aws.s3.Bucket(
            name,
            bucket=pulumi.Output.format("{0}-{1}-{2}-{3}", naming.PROJECT, name, args.name, args.account_id),
            # Where nothing is protected, destroying the stack deletes the objects too.
            force_destroy=not args.protect,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
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
