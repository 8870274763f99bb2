"""S3 buckets."""

from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed
from local.deploy.resources.values import present, tag_list, tag_map

_REGION_WITHOUT_CONSTRAINT = "us-east-1"
"""S3 refuses a location constraint there. Source: S3 API reference, CreateBucket."""


class Bucket(ResourceHandler):
    """A bucket; what is set on it are resources of their own."""

    pulumi_type: ClassVar[str] = "aws:s3/bucket:Bucket"
    supported: ClassVar[frozenset[str]] = frozenset({"bucket", "forceDestroy", "tags"})
    required: ClassVar[frozenset[str]] = frozenset({"bucket"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"bucket"})
    write_only: ClassVar[frozenset[str]] = frozenset({"forceDestroy"})

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
