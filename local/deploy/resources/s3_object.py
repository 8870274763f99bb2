"""S3 objects."""

import base64
from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.archives import asset_bytes
from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler
from local.deploy.resources.values import present, tag_list


class BucketObject(ResourceHandler):
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
    write_only: ClassVar[frozenset[str]] = frozenset({"content", "contentBase64", "source", "sourceHash", "tags"})

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
