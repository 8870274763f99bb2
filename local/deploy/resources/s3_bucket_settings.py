"""What is set on an S3 bucket: each a resource of its own."""

from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler
from local.deploy.resources.values import lower_keys, present, same_document, upper_keys


class BucketPolicy(ResourceHandler):
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


class BucketPublicAccessBlock(ResourceHandler):
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


class BucketOwnershipControls(ResourceHandler):
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


class BucketServerSideEncryption(ResourceHandler):
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


class BucketVersioning(ResourceHandler):
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


class BucketLifecycle(ResourceHandler):
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
