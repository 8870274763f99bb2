"""SNS topics and their subscriptions, both of which have attributes that are set one by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler, changed, without
from local.deploy.values import names

_OF_TOPIC = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "displayName": "DisplayName",
    "fifoThroughputScope": "FifoThroughputScope",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
}
_OF_SUBSCRIPTION = {
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
}
"""Inputs and attributes, all of which SNS keeps as text."""

_SWITCHES = names("contentBasedDeduplication rawMessageDelivery")


@dataclass(frozen=True, kw_only=True)
class _WithAttributes(ResourceHandler):
    """A topic or a subscription.

    Attributes:
        attributes: input to attribute.
        set_operation: the operation that sets one attribute.
    """

    attributes: Mapping[str, str]
    set_operation: str

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        arn = super()._create(clients, inputs)
        self._set_attributes(clients, arn, {}, inputs)
        return arn

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._set_attributes(clients, resource_id, old, new)
        super()._update(clients, resource_id, old, new)

    def _set_attributes(self, clients: Clients, arn: str, old: Properties, new: Properties) -> None:
        for name, attribute in self.attributes.items():
            # A policy that isn't set here is a TopicPolicy's, or SNS's own; the others are empty.
            if changed(old, new, name) and (name in new or name not in self.co_owned):
                value = {"attributeName": attribute, "attributeValue": _text(new.get(name))}
                self.send(clients, self.set_operation, self._known(clients, arn), value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else value or ""


def _values(attributes: Mapping[str, str], returned: Properties) -> Draft:
    texts = {name: returned[attribute] for name, attribute in attributes.items() if returned.get(attribute)}
    return {name: text == "true" if name in _SWITCHES else text for name, text in texts.items()}


def _topic_to_service(inputs: Draft) -> Draft:
    fifo = {"attributes": {"FifoTopic": "true"}} if inputs.get("fifoTopic") else {}
    return {**without(inputs, {"fifoTopic"}), **fifo}


def _topic_from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    fifo = {"fifoTopic": True} if returned.get("FifoTopic") == "true" else {}
    return {
        **properties,
        **_values(_OF_TOPIC, returned),
        **fifo,
        "name": properties["arn"].rpartition(":")[2],
    }


def _subscription_from_service(properties: Draft, returned: Properties, state: Properties) -> Draft:
    live = _values(_OF_SUBSCRIPTION, returned)
    # SNS tells both whether or not they were set.
    unset = {"filterPolicyScope": "MessageAttributes", "rawMessageDelivery": False}
    live = {name: value for name, value in live.items() if name in state or value != unset.get(name)}
    return {**properties, **live, "pendingConfirmation": returned.get("PendingConfirmation") == "true"}


HANDLERS = (
    _WithAttributes(
        attributes=_OF_TOPIC,
        set_operation="SetTopicAttributes",
        pulumi_type="aws:sns/topic:Topic",
        operations="CreateTopic GetTopicAttributes SetTopicAttributes DeleteTopic",
        required=names("name"),
        optional=frozenset(_OF_TOPIC) | names("fifoTopic tags"),
        immutable=names("fifoTopic name"),
        co_owned=names("policy"),
        unsent=frozenset(_OF_TOPIC),
        id="{topicArn}",
        result="attributes",
        documents=names("policy"),
        outputs={"arn": "{id}", "owner": "{Owner}"},
        to_service=_topic_to_service,
        from_service=_topic_from_service,
    ),
    ResourceHandler(
        pulumi_type="aws:sns/topicPolicy:TopicPolicy",
        # A topic always has a policy, which is deleted with it.
        operations="SetTopicAttributes GetTopicAttributes SetTopicAttributes -",
        required=names("arn policy"),
        id="{arn}",
        parameters={"AttributeName": "Policy"},
        result="attributes",
        renamed={"TopicArn": "arn", "AttributeValue": "policy"},
        documents=names("policy"),
        outputs={"policy": "{Policy}"},
    ),
    _WithAttributes(
        attributes=_OF_SUBSCRIPTION,
        set_operation="SetSubscriptionAttributes",
        pulumi_type="aws:sns/topicSubscription:TopicSubscription",
        operations="Subscribe GetSubscriptionAttributes SetSubscriptionAttributes Unsubscribe",
        required=names("endpoint protocol topic"),
        optional=frozenset(_OF_SUBSCRIPTION),
        immutable=names("endpoint protocol topic"),
        unsent=frozenset(_OF_SUBSCRIPTION),
        id="{subscriptionArn}",
        # Otherwise an unconfirmed subscription has no ARN, and can't be deleted.
        parameters={"ReturnSubscriptionArn": True},
        result="attributes",
        renamed={"TopicArn": "topic"},
        documents=names("filterPolicy redrivePolicy"),
        outputs={"arn": "{id}", "topic": "{TopicArn}", "protocol": "{Protocol}", "endpoint": "{Endpoint}"},
        from_service=_subscription_from_service,
    ),
)
