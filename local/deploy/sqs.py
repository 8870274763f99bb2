"""SQS queues and the documents attached to them."""

import json

from typing_extensions import override

from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler, missing, without
from local.deploy.values import names

_ATTRIBUTES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
"""Inputs and the queue's attributes, all of which SQS keeps as text."""

_TEXTS = names("deduplicationScope fifoThroughputLimit kmsMasterKeyId policy redriveAllowPolicy redrivePolicy")


def _to_service(inputs: Draft) -> Draft:
    attributes = {
        attribute: inputs[name] if isinstance(inputs[name], str) else json.dumps(inputs[name])
        for name, attribute in _ATTRIBUTES.items()
        if name in inputs
    }
    return {**without(inputs, _ATTRIBUTES), "attributes": attributes}


def _from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    texts = {name: returned[attribute] for name, attribute in _ATTRIBUTES.items() if returned.get(attribute)}
    values = {name: text if name in _TEXTS else json.loads(text) for name, text in texts.items()}
    return {**properties, **values}


def _queue_from_service(properties: Draft, returned: Properties, state: Properties) -> Draft:
    live = without(_from_service(properties, returned, state), names("policy redriveAllowPolicy"))
    return {**live, "name": properties["url"].rpartition("/")[2]}


class _QueueDocument(ResourceHandler):
    """A JSON document: an attribute of a queue in SQS, and a resource in the AWS provider."""

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        properties = super()._read(clients, resource_id, state)
        (document,) = self.documents
        if document not in properties:
            raise missing(self.operation.read, f"{document} of {resource_id}")
        return {"queueUrl": resource_id, document: properties[document]}

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        self._create(clients, {"queueUrl": resource_id, **dict.fromkeys(self.documents, "")})


def _queue_document(pulumi_type: str, document: str) -> _QueueDocument:
    return _QueueDocument(
        pulumi_type=pulumi_type,
        operations="SetQueueAttributes GetQueueAttributes SetQueueAttributes -",
        required=names(f"queueUrl {document}"),
        id="{queueUrl}",
        parameters={"AttributeNames": ["All"]},
        result="attributes",
        documents=names(document),
        to_service=_to_service,
        from_service=_from_service,
    )


HANDLERS = (
    ResourceHandler(
        pulumi_type="aws:sqs/queue:Queue",
        operations="CreateQueue GetQueueAttributes SetQueueAttributes DeleteQueue",
        required=names("name"),
        optional=names(
            "contentBasedDeduplication deduplicationScope delaySeconds fifoQueue fifoThroughputLimit kmsMasterKeyId "
            "maxMessageSize messageRetentionSeconds receiveWaitTimeSeconds redrivePolicy sqsManagedSseEnabled tags "
            "visibilityTimeoutSeconds"
        ),
        immutable=names("fifoQueue name"),
        co_owned=names("redrivePolicy"),
        id="{queueUrl}",
        parameters={"AttributeNames": ["All"]},
        result="attributes",
        renamed={"QueueName": "name"},
        documents=names("redrivePolicy"),
        # Source: SQS API reference, SetQueueAttributes.
        defaults={
            "delaySeconds": 0,
            "kmsMasterKeyId": "",
            "maxMessageSize": 1_048_576,
            "messageRetentionSeconds": 345_600,
            "receiveWaitTimeSeconds": 0,
            "redrivePolicy": "",
            "sqsManagedSseEnabled": True,
            "visibilityTimeoutSeconds": 30,
        },
        outputs={"url": "{id}", "arn": "{QueueArn}"},
        to_service=_to_service,
        from_service=_queue_from_service,
        tag_operations=("ListQueueTags", "TagQueue", "UntagQueue"),
    ),
    _queue_document("aws:sqs/queuePolicy:QueuePolicy", "policy"),
    _queue_document("aws:sqs/redrivePolicy:RedrivePolicy", "redrivePolicy"),
    _queue_document("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "redriveAllowPolicy"),
)
