"""SNS topics and their subscriptions."""

from typing_extensions import override

from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler, changed
from local.deploy.values import names

_ATTRIBUTES = {"displayName": "DisplayName", "kmsMasterKeyId": "KmsMasterKeyId", "policy": "Policy"}


class _Topic(ResourceHandler):
    """A topic, whose attributes are set one by one."""

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        topic_arn = super()._create(clients, inputs)
        self._set_attributes(clients, topic_arn, {}, inputs)
        return topic_arn

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._set_attributes(clients, resource_id, old, new)
        super()._update(clients, resource_id, old, new)

    def _set_attributes(self, clients: Clients, topic_arn: str, old: Properties, new: Properties) -> None:
        for name, attribute in _ATTRIBUTES.items():
            # A policy that isn't set here is a TopicPolicy's, or SNS's own; the others are empty.
            if changed(old, new, name) and (name in new or name not in self.co_owned):
                clients.sns.set_topic_attributes(
                    TopicArn=topic_arn, AttributeName=attribute, AttributeValue=new.get(name, "")
                )


def _topic_from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    attributes = {name: returned[each] for name, each in _ATTRIBUTES.items() if returned.get(each)}
    return {**properties, **attributes, "name": properties["arn"].rpartition(":")[2]}


def _subscription_from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    return {**properties, "pendingConfirmation": returned.get("PendingConfirmation") == "true"}


HANDLERS = (
    _Topic(
        pulumi_type="aws:sns/topic:Topic",
        operations="CreateTopic GetTopicAttributes SetTopicAttributes DeleteTopic",
        required=names("name"),
        optional=names("displayName kmsMasterKeyId policy tags"),
        immutable=names("name"),
        co_owned=names("policy"),
        unsent=names("displayName kmsMasterKeyId policy"),
        id="{topicArn}",
        result="attributes",
        documents=names("policy"),
        outputs={"arn": "{id}", "owner": "{Owner}"},
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
    ResourceHandler(
        pulumi_type="aws:sns/topicSubscription:TopicSubscription",
        operations="Subscribe GetSubscriptionAttributes - Unsubscribe",
        required=names("endpoint protocol topic"),
        immutable=names("endpoint protocol topic"),
        id="{subscriptionArn}",
        # Otherwise an unconfirmed subscription has no ARN, and can't be deleted.
        parameters={"ReturnSubscriptionArn": True},
        result="attributes",
        renamed={"TopicArn": "topic"},
        outputs={"arn": "{id}", "topic": "{TopicArn}", "protocol": "{Protocol}", "endpoint": "{Endpoint}"},
        from_service=_subscription_from_service,
    ),
)
