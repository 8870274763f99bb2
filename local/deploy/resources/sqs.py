"""SQS queues and the documents attached to them."""

import json
from typing import Any

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, names, without
from local.deploy.resources.resource_errors import missing

_ATTRIBUTES = {
    "delaySeconds": "DelaySeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
"""Inputs and the queue's attributes, all of which SQS keeps as text."""

_TEXTS = ("kmsMasterKeyId", "redrivePolicy")
"""Inputs that are texts themselves."""


class _Queue(ResourceHandler):
    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**without(inputs, _ATTRIBUTES), "attributes": _attributes(inputs)}

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        texts = {name: returned[attribute] for name, attribute in _ATTRIBUTES.items() if returned.get(attribute)}
        values = {name: text if name in _TEXTS else json.loads(text) for name, text in texts.items()}
        return {**properties, **values, "name": properties["url"].rpartition("/")[2]}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        before, after = _attributes(old), _attributes(new)
        changes = {name: value for name, value in after.items() if before.get(name) != value}
        changes |= {name: self.taken_away[name] for name in before.keys() - after.keys()}
        if changes:
            self.send(clients, "SetQueueAttributes", {"id": resource_id}, {"attributes": changes})
        self._change_tags(clients, resource_id, old, new)


def _attributes(inputs: Properties) -> dict[str, str]:
    return {
        attribute: inputs[name] if isinstance(inputs[name], str) else json.dumps(inputs[name])
        for name, attribute in _ATTRIBUTES.items()
        if name in inputs
    }


class _QueueDocument(ResourceHandler):
    """A JSON document that is an attribute of a queue, and a resource of its own in the AWS provider."""

    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        (document,) = self.documents
        return {**without(inputs, self.documents), "attributes": {_attribute(document): inputs[document]}}

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        (document,) = self.documents
        if not returned.get(_attribute(document)):
            raise missing(self.read_operation, f"{_attribute(document)} of {properties['queueUrl']}")
        return {**properties, document: returned[_attribute(document)]}

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        self._create(clients, {"queueUrl": resource_id, **dict.fromkeys(self.documents, "")})


def _attribute(document: str) -> str:
    return document[0].upper() + document[1:]


def _queue_document(resource: str, document: str) -> _QueueDocument:
    return _QueueDocument(
        pulumi_type=f"aws:sqs/{resource[0].lower()}{resource[1:]}:{resource}",
        client="sqs",
        required=names(f"queueUrl {document}"),
        replace_on=names("queueUrl"),
        create_operation="SetQueueAttributes",
        read_operation="GetQueueAttributes",
        delete_operation="SetQueueAttributes",
        id="{queueUrl}",
        identity={"QueueUrl": "{queueUrl}", "AttributeNames": ["All"]},
        result="attributes",
        documents=names(document),
    )


HANDLERS = (
    _Queue(
        pulumi_type="aws:sqs/queue:Queue",
        client="sqs",
        required=names("name"),
        optional=names("tags") | _ATTRIBUTES.keys(),
        replace_on=names("name"),
        co_owned=names("redrivePolicy"),
        create_operation="CreateQueue",
        read_operation="GetQueueAttributes",
        update_operation="SetQueueAttributes",
        delete_operation="DeleteQueue",
        id="{queueUrl}",
        identity={"QueueUrl": "{id}", "AttributeNames": ["All"]},
        result="attributes",
        renamed={"QueueName": "name"},
        documents=names("redrivePolicy"),
        # Source: SQS API reference, SetQueueAttributes.
        taken_away={
            "DelaySeconds": "0",
            "KmsMasterKeyId": "",
            "MaximumMessageSize": "1048576",
            "MessageRetentionPeriod": "345600",
            "ReceiveMessageWaitTimeSeconds": "0",
            "RedrivePolicy": "",
            "SqsManagedSseEnabled": "true",
            "VisibilityTimeout": "30",
        },
        outputs={"url": "{id}", "arn": "{QueueArn}"},
        tag_operations=("ListQueueTags", "TagQueue", "UntagQueue"),
    ),
    _queue_document("QueuePolicy", "policy"),
    _queue_document("RedrivePolicy", "redrivePolicy"),
    _queue_document("RedriveAllowPolicy", "redriveAllowPolicy"),
)
