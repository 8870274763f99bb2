"""S3 buckets, what is set on them, and objects."""

import base64
from typing import Any, ClassVar

from typing_extensions import override

from local.resources.archives import asset_bytes
from local.resources.clients import Clients
from local.resources.kind import Properties, ResourceKind, changed
from local.resources.values import lower_keys, present, same_document, tag_list, tag_map, upper_keys

_REGION_WITHOUT_CONSTRAINT = "us-east-1"
"""S3 refuses a location constraint there. Source: S3 API reference, CreateBucket."""


class Bucket(ResourceKind):
    """A bucket; what is set on it are resources of their own."""

    pulumi_type: ClassVar[str] = "aws:s3/bucket:Bucket"
    supported: ClassVar[frozenset[str]] = frozenset({"bucket", "forceDestroy", "tags"})
    required: ClassVar[frozenset[str]] = frozenset({"bucket"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"bucket"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        name = inputs["bucket"]
        if clients.region == _REGION_WITHOUT_CONSTRAINT:
            clients.s3.create_bucket(Bucket=name)
        else:
            location: Any = {"LocationConstraint": clients.region}
            clients.s3.create_bucket(Bucket=name, CreateBucketConfiguration=location)
        self._set_tags(clients, name, inputs)
        return name

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        clients.s3.head_bucket(Bucket=resource_id)
        return {
            "bucket": resource_id,
            "arn": f"arn:aws:s3:::{resource_id}",
            "bucketDomainName": f"{resource_id}.s3.amazonaws.com",
            "bucketRegion": clients.region,
            "bucketRegionalDomainName": f"{resource_id}.s3.{clients.region}.amazonaws.com",
            "tags": self._tags(clients, resource_id),
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "tags"):
            self._set_tags(clients, resource_id, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        if state.get("forceDestroy"):
            _empty(clients, resource_id)
        clients.s3.delete_bucket(Bucket=resource_id)

    def _set_tags(self, clients: Clients, name: str, inputs: Properties) -> None:
        if tags := inputs.get("tags"):
            tag_set: Any = tag_list(tags)
            clients.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_set})
        else:
            clients.s3.delete_bucket_tagging(Bucket=name)

    def _tags(self, clients: Clients, name: str) -> dict[str, str]:
        try:
            return tag_map(list(clients.s3.get_bucket_tagging(Bucket=name)["TagSet"]))
        except clients.s3.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchTagSet":
                return {}
            raise


def _empty(clients: Clients, bucket: str) -> None:
    for page in clients.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            clients.s3.delete_object(
                Bucket=bucket, Key=entry.get("Key", ""), **present(VersionId=entry.get("VersionId"))
            )


class BucketPolicy(ResourceKind):
    """Who may do what with a bucket."""

    pulumi_type: ClassVar[str] = "aws:s3/bucketPolicy:BucketPolicy"
    supported: ClassVar[frozenset[str]] = frozenset({"bucket", "policy"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"bucket"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.s3.put_bucket_policy(Bucket=inputs["bucket"], Policy=inputs["policy"])
        return inputs["bucket"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        policy = clients.s3.get_bucket_policy(Bucket=resource_id)["Policy"]
        return {"bucket": resource_id, "policy": same_document(state.get("policy"), policy)}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.s3.delete_bucket_policy(Bucket=resource_id)


class BucketPublicAccessBlock(ResourceKind):
    """The lock before every way of making a bucket public."""

    _LOCKS: ClassVar[frozenset[str]] = frozenset(
        {
            "blockPublicAcls",
            "blockPublicPolicy",
            "ignorePublicAcls",
            "restrictPublicBuckets",
        }
    )

    pulumi_type: ClassVar[str] = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    supported: ClassVar[frozenset[str]] = frozenset({"bucket", *_LOCKS})
    required: ClassVar[frozenset[str]] = frozenset({"bucket"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"bucket"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.s3.put_public_access_block(
            Bucket=inputs["bucket"],
            PublicAccessBlockConfiguration=upper_keys({key: inputs[key] for key in self._LOCKS if key in inputs}),
        )
        return inputs["bucket"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        block = clients.s3.get_public_access_block(Bucket=resource_id)["PublicAccessBlockConfiguration"]
        return {"bucket": resource_id, **lower_keys(block)}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.s3.delete_public_access_block(Bucket=resource_id)


class BucketOwnershipControls(ResourceKind):
    """Whether access lists count."""

    pulumi_type: ClassVar[str] = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    supported: ClassVar[frozenset[str]] = frozenset({"bucket", "rule"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"bucket"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.s3.put_bucket_ownership_controls(
            Bucket=inputs["bucket"],
            OwnershipControls={"Rules": [{"ObjectOwnership": inputs["rule"]["objectOwnership"]}]},
        )
        return inputs["bucket"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        controls = clients.s3.get_bucket_ownership_controls(Bucket=resource_id).get("OwnershipControls", {})
        rules = [lower_keys(rule) for rule in controls.get("Rules", [])]
        return {"bucket": resource_id, "rule": rules[0]}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.s3.delete_bucket_ownership_controls(Bucket=resource_id)


class BucketServerSideEncryption(ResourceKind):
    """How a bucket encrypts what it is given."""

    pulumi_type: ClassVar[str] = (
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    )
    supported: ClassVar[frozenset[str]] = frozenset({"bucket", "rules"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"bucket"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.s3.put_bucket_encryption(
            Bucket=inputs["bucket"],
            ServerSideEncryptionConfiguration={"Rules": [_encryption_rule(rule) for rule in inputs["rules"]]},
        )
        return inputs["bucket"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        encryption = clients.s3.get_bucket_encryption(Bucket=resource_id)["ServerSideEncryptionConfiguration"]
        rules: list[Any] = [
            {
                "applyServerSideEncryptionByDefault": present(
                    sseAlgorithm=rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm"),
                    kmsMasterKeyId=rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID"),
                )
            }
            for rule in encryption["Rules"]
        ]
        return {"bucket": resource_id, "rules": rules}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.s3.delete_bucket_encryption(Bucket=resource_id)


def _encryption_rule(rule: Properties) -> Any:
    default = rule["applyServerSideEncryptionByDefault"]
    return present(
        ApplyServerSideEncryptionByDefault=present(
            SSEAlgorithm=default["sseAlgorithm"], KMSMasterKeyID=default.get("kmsMasterKeyId")
        ),
        BucketKeyEnabled=rule.get("bucketKeyEnabled"),
    )


class BucketVersioning(ResourceKind):
    """Whether a bucket keeps what is overwritten."""

    pulumi_type: ClassVar[str] = "aws:s3/bucketVersioning:BucketVersioning"
    supported: ClassVar[frozenset[str]] = frozenset({"bucket", "versioningConfiguration"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"bucket"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.s3.put_bucket_versioning(
            Bucket=inputs["bucket"], VersioningConfiguration={"Status": inputs["versioningConfiguration"]["status"]}
        )
        return inputs["bucket"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        status = clients.s3.get_bucket_versioning(Bucket=resource_id).get("Status", "Disabled")
        return {"bucket": resource_id, "versioningConfiguration": {"status": status}}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        # S3 can't unversion a bucket, only stop: so does the provider.
        clients.s3.put_bucket_versioning(Bucket=resource_id, VersioningConfiguration={"Status": "Suspended"})


class BucketLifecycle(ResourceKind):
    """When a bucket's objects expire."""

    pulumi_type: ClassVar[str] = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    supported: ClassVar[frozenset[str]] = frozenset({"bucket", "rules"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"bucket"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.s3.put_bucket_lifecycle_configuration(
            Bucket=inputs["bucket"],
            LifecycleConfiguration={"Rules": [_lifecycle_rule(rule) for rule in inputs["rules"]]},
        )
        return inputs["bucket"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        rules = clients.s3.get_bucket_lifecycle_configuration(Bucket=resource_id)["Rules"]
        properties: list[Any] = [lower_keys(rule) for rule in rules]
        for rule in properties:
            rule["id"] = rule.pop("iD")
        return {"bucket": resource_id, "rules": properties}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.s3.delete_bucket_lifecycle(Bucket=resource_id)


def _lifecycle_rule(rule: Properties) -> Any:
    parameters = upper_keys({key: value for key, value in rule.items() if key != "id"})
    parameters["ID"] = rule["id"]
    parameters.setdefault("Filter", {"Prefix": ""})
    return parameters


class BucketObject(ResourceKind):
    """An object, from an asset or from text."""

    pulumi_type: ClassVar[str] = "aws:s3/bucketObjectv2:BucketObjectv2"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "bucket",
            "cacheControl",
            "content",
            "contentBase64",
            "contentType",
            "etag",
            "key",
            "source",
            "sourceHash",
            "tags",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"bucket", "key"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"bucket", "key"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        body = _object_body(inputs)
        clients.s3.put_object(
            Bucket=inputs["bucket"],
            Key=inputs["key"],
            Body=body,
            **present(CacheControl=inputs.get("cacheControl"), ContentType=inputs.get("contentType")),
        )
        if "tags" in inputs:
            tag_set: Any = tag_list(inputs["tags"])
            clients.s3.put_object_tagging(Bucket=inputs["bucket"], Key=inputs["key"], Tagging={"TagSet": tag_set})
        return f"{inputs['bucket']}/{inputs['key']}"

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        bucket, key = state["bucket"], state["key"]
        head = clients.s3.head_object(Bucket=bucket, Key=key)
        return {
            "bucket": bucket,
            "key": key,
            "arn": f"arn:aws:s3:::{bucket}/{key}",
            "etag": head["ETag"].strip('"'),
            "contentType": head["ContentType"],
            **present(cacheControl=head.get("CacheControl")),
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.s3.delete_object(Bucket=state["bucket"], Key=state["key"])


def _object_body(inputs: Properties) -> bytes:
    if "source" in inputs:
        return asset_bytes(inputs["source"])
    if "contentBase64" in inputs:
        return base64.b64decode(inputs["contentBase64"])
    return inputs.get("content", "").encode()
