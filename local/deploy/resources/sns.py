"""SNS topics and their subscriptions."""

from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed
from local.deploy.resources.values import same_document, tag_changes, tag_list, tag_map


class Topic(ResourceHandler):
    """A topic."""

    pulumi_type: ClassVar[str] = "aws:sns/topic:Topic"
    supported: ClassVar[frozenset[str]] = frozenset({"displayName", "kmsMasterKeyId", "name", "policy", "tags"})
    required: ClassVar[frozenset[str]] = frozenset({"name"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"name"})
    co_owned: ClassVar[frozenset[str]] = frozenset({"policy"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        arn = clients.sns.create_topic(
            Name=inputs["name"],
            Tags=tag_list(inputs.get("tags", {})),  # pyright: ignore[reportArgumentType]  the same shape as TagTypeDef
        )["TopicArn"]
        for name, attribute in _TOPIC_ATTRIBUTES.items():
            if name in inputs:
                clients.sns.set_topic_attributes(TopicArn=arn, AttributeName=attribute, AttributeValue=inputs[name])
        return arn

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        attributes = clients.sns.get_topic_attributes(TopicArn=resource_id)["Attributes"]
        properties: dict[str, Any] = {
            "name": resource_id.rpartition(":")[2],
            "arn": resource_id,
            "owner": attributes.get("Owner", ""),
            "tags": tag_map(list(clients.sns.list_tags_for_resource(ResourceArn=resource_id).get("Tags", []))),
        }
        for name in ("displayName", "kmsMasterKeyId"):
            if attributes.get(_TOPIC_ATTRIBUTES[name]):
                properties[name] = attributes[_TOPIC_ATTRIBUTES[name]]
        if attributes.get("Policy"):
            properties["policy"] = same_document(state.get("policy"), attributes["Policy"])
        return properties

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        for name, attribute in _TOPIC_ATTRIBUTES.items():
            # A policy that isn't asked for here is a TopicPolicy's, or SNS's own; the others are empty then.
            if changed(old, new, name) and (name in new or name not in self.co_owned):
                clients.sns.set_topic_attributes(
                    TopicArn=resource_id, AttributeName=attribute, AttributeValue=new.get(name, "")
                )
        removed, added = tag_changes(old, new)
        if removed:
            clients.sns.untag_resource(ResourceArn=resource_id, TagKeys=removed)
        if added:
            clients.sns.tag_resource(
                ResourceArn=resource_id,
                Tags=tag_list(added),  # pyright: ignore[reportArgumentType]  as above
            )

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.sns.delete_topic(TopicArn=resource_id)


_TOPIC_ATTRIBUTES = {"displayName": "DisplayName", "kmsMasterKeyId": "KmsMasterKeyId", "policy": "Policy"}


class TopicPolicy(ResourceHandler):
    """Who may do what with a topic."""

    pulumi_type: ClassVar[str] = "aws:sns/topicPolicy:TopicPolicy"
    supported: ClassVar[frozenset[str]] = frozenset({"arn", "policy"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = frozenset({"arn"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.sns.set_topic_attributes(
            TopicArn=inputs["arn"], AttributeName="Policy", AttributeValue=inputs["policy"]
        )
        return inputs["arn"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        attributes = clients.sns.get_topic_attributes(TopicArn=resource_id)["Attributes"]
        return {"arn": resource_id, "policy": same_document(state.get("policy"), attributes["Policy"])}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        """Nothing: a topic always has a policy, and goes with it."""


class TopicSubscription(ResourceHandler):
    """A subscriber of a topic. One by e-mail waits for the address to confirm."""

    pulumi_type: ClassVar[str] = "aws:sns/topicSubscription:TopicSubscription"
    supported: ClassVar[frozenset[str]] = frozenset({"endpoint", "protocol", "topic"})
    required: ClassVar[frozenset[str]] = supported
    replace_on: ClassVar[frozenset[str]] = supported

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        return clients.sns.subscribe(
            TopicArn=inputs["topic"],
            Protocol=inputs["protocol"],
            Endpoint=inputs["endpoint"],
            # Else an unconfirmed one has no ARN, and could not be taken away again.
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        attributes = clients.sns.get_subscription_attributes(SubscriptionArn=resource_id)["Attributes"]
        return {
            "arn": resource_id,
            "topic": attributes["TopicArn"],
            "protocol": attributes["Protocol"],
            "endpoint": attributes["Endpoint"],
            "pendingConfirmation": attributes.get("PendingConfirmation") == "true",
        }

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.sns.unsubscribe(SubscriptionArn=resource_id)
