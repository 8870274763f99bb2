"""S3 buckets, what is set on them, and objects."""

import base64
from typing import Any

from botocore.exceptions import ClientError
from typing_extensions import override

from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler, without
from local.deploy.values import asset_bytes, names

_REGION_WITHOUT_CONSTRAINT = "us-east-1"
"""S3 refuses a location constraint there. Source: S3 API reference, CreateBucket."""


class _Bucket(ResourceHandler):
    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        if clients.region != _REGION_WITHOUT_CONSTRAINT:
            inputs = {**inputs, "createBucketConfiguration": {"locationConstraint": clients.region}}
        return super()._create(clients, inputs)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        if state.get("forceDestroy"):
            for page in clients.s3.get_paginator("list_object_versions").paginate(Bucket=resource_id):
                for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    version: Any = {"VersionId": entry["VersionId"]} if "VersionId" in entry else {}
                    clients.s3.delete_object(Bucket=resource_id, Key=entry.get("Key", ""), **version)
        super()._delete(clients, resource_id, state)

    @override
    def _tags(self, clients: Clients, values: Properties) -> dict[str, str]:
        try:
            return super()._tags(clients, values)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchTagSet":
                return {}
            raise


class _Versioning(ResourceHandler):
    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        # S3 can't unversion a bucket, only stop: so does the provider.
        self._create(clients, {"bucket": resource_id, "versioningConfiguration": {"status": "Suspended"}})


def _versioning_from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    return {**properties, "versioningConfiguration": {"status": returned.get("status", "Disabled")}}


def _encryption_from_service(properties: Draft, _returned: Properties, _state: Properties) -> Draft:
    # S3 adds to each rule what nobody set.
    default = "applyServerSideEncryptionByDefault"
    return {**properties, "rules": [{default: rule.get(default, {})} for rule in properties["rules"]]}


def _lifecycle_to_service(inputs: Draft) -> Draft:
    return {**inputs, "rules": [{"filter": {"prefix": ""}, **rule} for rule in inputs["rules"]]}


class _Object(ResourceHandler):
    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)


def _object_to_service(inputs: Draft) -> Draft:
    if "source" in inputs:
        body = asset_bytes(inputs["source"])
    elif "contentBase64" in inputs:
        body = base64.b64decode(inputs["contentBase64"])
    else:
        body = inputs.get("content", "").encode()
    return {**without(inputs, names("content contentBase64 source")), "body": body}


HANDLERS = (
    _Bucket(
        pulumi_type="aws:s3/bucket:Bucket",
        operations="CreateBucket HeadBucket - DeleteBucket",
        wrapper="Tagging",
        id="{bucket}",
        required=names("bucket"),
        optional=names("forceDestroy tags"),
        write_only=names("forceDestroy"),
        unsent=names("forceDestroy"),
        separate={"tags": ("PutBucketTagging", "DeleteBucketTagging")},
        renamed={"TagSet": "tags"},
        outputs={
            "arn": "arn:aws:s3:::{bucket}",
            "bucketDomainName": "{bucket}.s3.amazonaws.com",
            "bucketRegion": "{clients.region}",
            "bucketRegionalDomainName": "{bucket}.s3.{clients.region}.amazonaws.com",
        },
        tag_operations=("GetBucketTagging", "", ""),
    ),
    ResourceHandler(
        pulumi_type="aws:s3/bucketPolicy:BucketPolicy",
        operations="PutBucketPolicy GetBucketPolicy DeleteBucketPolicy",
        required=names("bucket policy"),
        id="{bucket}",
        documents=names("policy"),
    ),
    ResourceHandler(
        pulumi_type="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        operations="PutPublicAccessBlock GetPublicAccessBlock DeletePublicAccessBlock",
        required=names("bucket"),
        optional=names("blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets"),
        id="{bucket}",
        wrapper="PublicAccessBlockConfiguration",
    ),
    ResourceHandler(
        pulumi_type="aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        operations="PutBucketOwnershipControls GetBucketOwnershipControls DeleteBucketOwnershipControls",
        required=names("bucket rule"),
        id="{bucket}",
        wrapper="OwnershipControls",
        renamed={"Rules": "rule"},
        # The provider has one rule where S3 has a list of one.
        to_service=lambda inputs: {**inputs, "rule": [inputs["rule"]]},
        from_service=lambda properties, _returned, _state: {**properties, "rule": properties["rule"][0]},
    ),
    ResourceHandler(
        pulumi_type="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        operations="PutBucketEncryption GetBucketEncryption DeleteBucketEncryption",
        required=names("bucket rules"),
        id="{bucket}",
        wrapper="ServerSideEncryptionConfiguration",
        from_service=_encryption_from_service,
    ),
    _Versioning(
        pulumi_type="aws:s3/bucketVersioning:BucketVersioning",
        operations="PutBucketVersioning GetBucketVersioning PutBucketVersioning -",
        required=names("bucket versioningConfiguration"),
        id="{bucket}",
        from_service=_versioning_from_service,
    ),
    ResourceHandler(
        pulumi_type="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        operations="PutBucketLifecycleConfiguration GetBucketLifecycleConfiguration DeleteBucketLifecycle",
        required=names("bucket rules"),
        id="{bucket}",
        wrapper="LifecycleConfiguration",
        to_service=_lifecycle_to_service,
    ),
    _Object(
        pulumi_type="aws:s3/bucketObjectv2:BucketObjectv2",
        operations="PutObject HeadObject DeleteObject",
        required=names("bucket key"),
        optional=names("cacheControl content contentBase64 contentType etag source sourceHash tags"),
        write_only=names("content contentBase64 source sourceHash tags"),
        unsent=names("etag sourceHash"),
        separate={"tags": ("PutObjectTagging", "DeleteObjectTagging")},
        id="{bucket}/{key}",
        wrapper="Tagging",
        renamed={"ETag": "etag", "TagSet": "tags"},
        outputs={"arn": "arn:aws:s3:::{bucket}/{key}", "etag": "{etag}"},
        to_service=_object_to_service,
        from_service=lambda properties, _returned, _state: {**properties, "etag": properties["etag"].strip('"')},
    ),
)
