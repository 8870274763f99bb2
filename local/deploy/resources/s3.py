"""S3 buckets, what is set on them, and objects."""

import base64
from typing import Any

from botocore.exceptions import ClientError
from typing_extensions import override

from local.deploy.resources.archives import asset_bytes
from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed, names, without

_REGION_WITHOUT_CONSTRAINT = "us-east-1"
"""S3 refuses a location constraint there. Source: S3 API reference, CreateBucket."""


class _Bucket(ResourceHandler):
    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        sent: dict[str, Any] = {"bucket": inputs["bucket"]}
        if clients.region != _REGION_WITHOUT_CONSTRAINT:
            sent["createBucketConfiguration"] = {"locationConstraint": clients.region}
        self.send(clients, self.create_operation, sent, sent)
        self._set_tags(clients, inputs)
        return inputs["bucket"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        properties = super()._read(clients, resource_id, state)
        try:
            tags = self.send(clients, "GetBucketTagging", {"bucket": resource_id}, {})["tagSet"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchTagSet":
                raise
            tags = {}
        return {**properties, "tags": tags}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "tags"):
            self._set_tags(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        if state.get("forceDestroy"):
            _empty(clients, resource_id)
        super()._delete(clients, resource_id, state)

    def _set_tags(self, clients: Clients, inputs: Properties) -> None:
        if tags := inputs.get("tags"):
            self.send(clients, "PutBucketTagging", inputs, {"tagging": {"tagSet": tags}})
        else:
            self.send(clients, "DeleteBucketTagging", inputs, {})


def _empty(clients: Clients, bucket: str) -> None:
    for page in clients.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            version: Any = {"VersionId": entry["VersionId"]} if "VersionId" in entry else {}
            clients.s3.delete_object(Bucket=bucket, Key=entry.get("Key", ""), **version)


class _OwnershipControls(ResourceHandler):
    """The provider has one rule where S3 has a list of one."""

    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**inputs, "rule": [inputs["rule"]]}

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        return {**properties, "rule": properties["rule"][0]}


class _Encryption(ResourceHandler):
    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        # S3 adds what nobody asked for to each rule.
        default = "applyServerSideEncryptionByDefault"
        return {**properties, "rules": [{default: rule.get(default, {})} for rule in properties["rules"]]}


class _Versioning(ResourceHandler):
    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        return {**properties, "versioningConfiguration": {"status": returned.get("status", "Disabled")}}

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        # S3 can't unversion a bucket, only stop: so does the provider.
        self._create(clients, {"bucket": resource_id, "versioningConfiguration": {"status": "Suspended"}})


class _Lifecycle(ResourceHandler):
    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**inputs, "rules": [{"filter": {"prefix": ""}, **rule} for rule in inputs["rules"]]}


class _Object(ResourceHandler):
    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        resource_id = super()._create(clients, inputs)
        if "tags" in inputs:
            self.send(clients, "PutObjectTagging", inputs, {"tagging": {"tagSet": inputs["tags"]}})
        return resource_id

    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**without(inputs, names("content contentBase64 source")), "body": _body(inputs)}

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        return {**properties, "etag": returned["etag"].strip('"')}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)


def _body(inputs: Properties) -> bytes:
    if "source" in inputs:
        return asset_bytes(inputs["source"])
    if "contentBase64" in inputs:
        return base64.b64decode(inputs["contentBase64"])
    return inputs.get("content", "").encode()


_OF_A_BUCKET: Any = {
    "client": "s3",
    "replace_on": names("bucket"),
    "id": "{bucket}",
    "identity": {"Bucket": "{bucket}"},
}
"""What the handlers of a bucket and of its settings have in common."""

HANDLERS = (
    _Bucket(
        pulumi_type="aws:s3/bucket:Bucket",
        required=names("bucket"),
        optional=names("forceDestroy tags"),
        write_only=names("forceDestroy"),
        by_hand=names("forceDestroy tags"),
        create_operation="CreateBucket",
        read_operation="HeadBucket",
        delete_operation="DeleteBucket",
        outputs={
            "arn": "arn:aws:s3:::{bucket}",
            "bucketDomainName": "{bucket}.s3.amazonaws.com",
            "bucketRegion": "{clients.region}",
            "bucketRegionalDomainName": "{bucket}.s3.{clients.region}.amazonaws.com",
        },
        **_OF_A_BUCKET,
    ),
    ResourceHandler(
        pulumi_type="aws:s3/bucketPolicy:BucketPolicy",
        required=names("bucket policy"),
        create_operation="PutBucketPolicy",
        read_operation="GetBucketPolicy",
        delete_operation="DeleteBucketPolicy",
        documents=names("policy"),
        **_OF_A_BUCKET,
    ),
    ResourceHandler(
        pulumi_type="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        required=names("bucket"),
        optional=names("blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets"),
        create_operation="PutPublicAccessBlock",
        read_operation="GetPublicAccessBlock",
        delete_operation="DeletePublicAccessBlock",
        wrapper="PublicAccessBlockConfiguration",
        result="publicAccessBlockConfiguration",
        **_OF_A_BUCKET,
    ),
    _OwnershipControls(
        pulumi_type="aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        required=names("bucket rule"),
        create_operation="PutBucketOwnershipControls",
        read_operation="GetBucketOwnershipControls",
        delete_operation="DeleteBucketOwnershipControls",
        wrapper="OwnershipControls",
        result="ownershipControls",
        renamed={"Rules": "rule"},
        **_OF_A_BUCKET,
    ),
    _Encryption(
        pulumi_type="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        required=names("bucket rules"),
        create_operation="PutBucketEncryption",
        read_operation="GetBucketEncryption",
        delete_operation="DeleteBucketEncryption",
        wrapper="ServerSideEncryptionConfiguration",
        result="serverSideEncryptionConfiguration",
        **_OF_A_BUCKET,
    ),
    _Versioning(
        pulumi_type="aws:s3/bucketVersioning:BucketVersioning",
        required=names("bucket versioningConfiguration"),
        create_operation="PutBucketVersioning",
        read_operation="GetBucketVersioning",
        delete_operation="PutBucketVersioning",
        **_OF_A_BUCKET,
    ),
    _Lifecycle(
        pulumi_type="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        required=names("bucket rules"),
        create_operation="PutBucketLifecycleConfiguration",
        read_operation="GetBucketLifecycleConfiguration",
        delete_operation="DeleteBucketLifecycle",
        wrapper="LifecycleConfiguration",
        **_OF_A_BUCKET,
    ),
    _Object(
        pulumi_type="aws:s3/bucketObjectv2:BucketObjectv2",
        client="s3",
        required=names("bucket key"),
        optional=names("cacheControl content contentBase64 contentType etag source sourceHash tags"),
        replace_on=names("bucket key"),
        write_only=names("content contentBase64 source sourceHash tags"),
        by_hand=names("etag sourceHash tags"),
        create_operation="PutObject",
        read_operation="HeadObject",
        delete_operation="DeleteObject",
        id="{bucket}/{key}",
        identity={"Bucket": "{bucket}", "Key": "{key}"},
        renamed={"ETag": "etag"},
        outputs={"arn": "arn:aws:s3:::{bucket}/{key}"},
    ),
)
