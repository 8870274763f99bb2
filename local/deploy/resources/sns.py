"""SNS topics and their subscriptions."""

from typing import Any

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed, names

_ATTRIBUTES = {"displayName": "DisplayName", "kmsMasterKeyId": "KmsMasterKeyId", "policy": "Policy"}


class _Topic(ResourceHandler):
    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        topic_arn = super()._create(clients, inputs)
        for name, attribute in _ATTRIBUTES.items():
            if name in inputs:
                clients.sns.set_topic_attributes(
                    TopicArn=topic_arn, AttributeName=attribute, AttributeValue=inputs[name]
                )
        return topic_arn

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        set_attributes = {name: returned[each] for name, each in _ATTRIBUTES.items() if returned.get(each)}
        return {**properties, **set_attributes, "name": properties["arn"].rpartition(":")[2]}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        for name, attribute in _ATTRIBUTES.items():
            # A policy that isn't asked for here is a TopicPolicy's, or SNS's own; the others are empty then.
            if changed(old, new, name) and (name in new or name not in self.co_owned):
                clients.sns.set_topic_attributes(
                    TopicArn=resource_id, AttributeName=attribute, AttributeValue=new.get(name, "")
                )
        super()._update(clients, resource_id, old, new)


class _TopicPolicy(ResourceHandler):
    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        """Do nothing: a topic always has a policy, which is deleted with it."""


class _Subscription(ResourceHandler):
    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        return {**properties, "pendingConfirmation": returned.get("PendingConfirmation") == "true"}


HANDLERS = (
    _Topic(
        pulumi_type="aws:sns/topic:Topic",
        client="sns",
        required=names("name"),
        optional=names("displayName kmsMasterKeyId policy tags"),
        replace_on=names("name"),
        co_owned=names("policy"),
        by_hand=names("displayName kmsMasterKeyId policy"),
        create_operation="CreateTopic",
        read_operation="GetTopicAttributes",
        delete_operation="DeleteTopic",
        id="{topicArn}",
        identity={"TopicArn": "{id}", "ResourceArn": "{id}"},
        result="attributes",
        documents=names("policy"),
        outputs={"arn": "{id}", "owner": "{Owner}"},
    ),
    _TopicPolicy(
        pulumi_type="aws:sns/topicPolicy:TopicPolicy",
        client="sns",
        required=names("arn policy"),
        replace_on=names("arn"),
        create_operation="SetTopicAttributes",
        read_operation="GetTopicAttributes",
        delete_operation="",
        id="{arn}",
        identity={"TopicArn": "{arn}", "AttributeName": "Policy"},
        result="attributes",
        renamed={"TopicArn": "arn", "AttributeValue": "policy"},
        documents=names("policy"),
        outputs={"policy": "{Policy}"},
    ),
    _Subscription(
        pulumi_type="aws:sns/topicSubscription:TopicSubscription",
        client="sns",
        required=names("endpoint protocol topic"),
        replace_on=names("endpoint protocol topic"),
        create_operation="Subscribe",
        read_operation="GetSubscriptionAttributes",
        delete_operation="Unsubscribe",
        id="{subscriptionArn}",
        # Without ReturnSubscriptionArn an unconfirmed subscription has no ARN, and can't be deleted.
        identity={"SubscriptionArn": "{id}", "ReturnSubscriptionArn": True},
        result="attributes",
        renamed={"TopicArn": "topic"},
        outputs={"arn": "{id}", "topic": "{TopicArn}", "protocol": "{Protocol}", "endpoint": "{Endpoint}"},
    ),
)
