"""SQS queues and the documents attached to them."""

import json
from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, missing
from local.deploy.resources.values import same_document, tag_changes

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

_DEFAULTS = {
    "DelaySeconds": "0",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
"""What an attribute goes back to when its input is taken away. Source: SQS API reference, SetQueueAttributes."""


class Queue(ResourceHandler):
    """A standard queue."""

    pulumi_type: ClassVar[str] = "aws:sqs/queue:Queue"
    supported: ClassVar[frozenset[str]] = frozenset({*_ATTRIBUTES, "name", "tags"})
    required: ClassVar[frozenset[str]] = frozenset({"name"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"name"})
    co_owned: ClassVar[frozenset[str]] = frozenset({"redrivePolicy"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        return clients.sqs.create_queue(
            QueueName=inputs["name"],
            Attributes=_attributes(inputs),  # pyright: ignore[reportArgumentType]  names from the table above
            tags=inputs.get("tags", {}),
        )["QueueUrl"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        attributes = _live_attributes(clients, resource_id)
        properties: dict[str, Any] = {
            name: _property(name, attributes[attribute], state)
            for name, attribute in _ATTRIBUTES.items()
            if attributes.get(attribute)
        }
        return properties | {
            "name": resource_id.rpartition("/")[2],
            "url": resource_id,
            "arn": attributes["QueueArn"],
            "tags": clients.sqs.list_queue_tags(QueueUrl=resource_id).get("Tags", {}),
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        before, after = _attributes(old), _attributes(new)
        attributes = {name: value for name, value in after.items() if before.get(name) != value}
        attributes |= {
            _ATTRIBUTES[name]: _DEFAULTS[_ATTRIBUTES[name]] for name in _ATTRIBUTES if name in old and name not in new
        }
        if attributes:
            clients.sqs.set_queue_attributes(
                QueueUrl=resource_id,
                Attributes=attributes,  # pyright: ignore[reportArgumentType]  names from the table above
            )
        removed, added = tag_changes(old, new)
        if removed:
            clients.sqs.untag_queue(QueueUrl=resource_id, TagKeys=removed)
        if added:
            clients.sqs.tag_queue(QueueUrl=resource_id, Tags=added)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.sqs.delete_queue(QueueUrl=resource_id)


def _live_attributes(clients: Clients, queue_url: str) -> dict[str, str]:
    answer = clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    return {str(name): value for name, value in answer.get("Attributes", {}).items()}


def _attributes(inputs: Properties) -> dict[str, str]:
    return {
        attribute: inputs[name] if isinstance(inputs[name], str) else json.dumps(inputs[name])
        for name, attribute in _ATTRIBUTES.items()
        if name in inputs
    }


def _property(name: str, text: str, state: Properties) -> Any:
    match name:
        case "redrivePolicy":
            return same_document(state.get(name), text)
        case "kmsMasterKeyId":
            return text
        case _:
            return json.loads(text)


class _QueueDocument(ResourceHandler):
    """A JSON document that is an attribute of a queue, and a resource of its own in the provider."""

    attribute: ClassVar[str]
    document: ClassVar[str]

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        self._set(clients, inputs["queueUrl"], inputs[self.document])
        return inputs["queueUrl"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        attributes = _live_attributes(clients, resource_id)
        text = attributes.get(self.attribute)
        if not text:
            raise missing("GetQueueAttributes", f"{self.attribute} of {resource_id}")
        return {"queueUrl": resource_id, self.document: same_document(state.get(self.document), text)}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        self._set(clients, resource_id, "")

    def _set(self, clients: Clients, queue_url: str, text: str) -> None:
        clients.sqs.set_queue_attributes(
            QueueUrl=queue_url,
            Attributes={self.attribute: text},  # pyright: ignore[reportArgumentType]  a name of SQS's
        )


class QueuePolicy(_QueueDocument):
    """Who may do what with a queue."""

    pulumi_type: ClassVar[str] = "aws:sqs/queuePolicy:QueuePolicy"
    supported: ClassVar[frozenset[str]] = frozenset({"policy", "queueUrl"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"queueUrl"})
    attribute: ClassVar[str] = "Policy"
    document: ClassVar[str] = "policy"


class RedrivePolicy(_QueueDocument):
    """Where a queue's messages go after so many receives."""

    pulumi_type: ClassVar[str] = "aws:sqs/redrivePolicy:RedrivePolicy"
    supported: ClassVar[frozenset[str]] = frozenset({"queueUrl", "redrivePolicy"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"queueUrl"})
    attribute: ClassVar[str] = "RedrivePolicy"
    document: ClassVar[str] = "redrivePolicy"


class RedriveAllowPolicy(_QueueDocument):
    """Which queues may redrive into this one."""

    pulumi_type: ClassVar[str] = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
    supported: ClassVar[frozenset[str]] = frozenset({"queueUrl", "redriveAllowPolicy"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"queueUrl"})
    attribute: ClassVar[str] = "RedriveAllowPolicy"
    document: ClassVar[str] = "redriveAllowPolicy"
