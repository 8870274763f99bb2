"""A change made outside Pulumi: a refresh shows it, and the next update reverts it."""

from typing import Any

import pytest

from guardrails.resource import (
    API,
    DISTRIBUTION,
    EVENT_SOURCE_MAPPING,
    FUNCTION,
    INTEGRATION,
    QUEUE,
    ROUTE,
    STAGE,
    TOPIC,
)
from local.aws_clients import Clients
from local.deploy.handler import Properties
from local.deploy.registry import handler_for
from local.engine import provider
from tests.support.local.resource_examples import EXAMPLES
from tests.support.local.resource_examples.example import Dependencies


class Deployed:
    """A resource as the engine knows it: its wanted inputs and its state."""

    def __init__(self, clients: Clients, token: str, inputs: Properties) -> None:
        self._clients = clients
        self._token = token
        self.asked_for = self.inputs = inputs
        self.id, self.state = handler_for(token).create(clients, inputs)

    def refresh(self) -> list[str]:
        """Read the resource; return the inputs that differ from the last known ones."""
        live = provider.read(self._clients, self._token, self.id, self.state, self.inputs)
        assert live is not None
        shown = provider.difference(self._token, self.inputs, live.inputs).changed
        self.inputs, self.state = live.inputs, live.properties
        return shown

    def up(self) -> list[str]:
        """Update the resource to the wanted inputs; return those that differ."""
        changed = provider.difference(self._token, self.inputs, self.asked_for).changed
        self.state = handler_for(self._token).update(self._clients, self.id, self.state, self.asked_for)
        self.inputs = self.asked_for
        return changed

    def delete(self) -> None:
        handler_for(self._token).delete(self._clients, self.id, self.state)


def example(token: str, dependencies: Dependencies, *left_out: str) -> Properties:
    return {name: value for name, value in EXAMPLES[token](dependencies).inputs.items() if name not in left_out}


def change_mapping(clients: Clients, deployed: Deployed) -> None:
    elsewhere: Any = {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:Elsewhere"}}
    clients.lambda_.update_event_source_mapping(
        UUID=deployed.id, MaximumBatchingWindowInSeconds=60, DestinationConfig=elsewhere
    )


def change_function(clients: Clients, deployed: Deployed) -> None:
    clients.lambda_.update_function_configuration(FunctionName=deployed.id, TracingConfig={"Mode": "Active"})


def change_api(clients: Clients, deployed: Deployed) -> None:
    clients.apigatewayv2.update_api(ApiId=deployed.id, DisableExecuteApiEndpoint=True)


def change_stage(clients: Clients, deployed: Deployed) -> None:
    clients.apigatewayv2.update_stage(
        ApiId=deployed.state["apiId"],
        StageName=deployed.id,
        Description="mine",
        RouteSettings={"POST /register": {"ThrottlingRateLimit": 9999}},
        StageVariables={"mine": "yes"},
    )


def change_integration(clients: Clients, deployed: Deployed) -> None:
    clients.apigatewayv2.update_integration(
        ApiId=deployed.state["apiId"], IntegrationId=deployed.id, Description="mine", TimeoutInMillis=1_000
    )


def change_route(clients: Clients, deployed: Deployed) -> None:
    clients.apigatewayv2.update_route(
        ApiId=deployed.state["apiId"], RouteId=deployed.id, AuthorizationType="AWS_IAM", OperationName="mine"
    )


def change_topic(clients: Clients, deployed: Deployed) -> None:
    for name, value in (("DisplayName", "mine"), ("KmsMasterKeyId", "alias/aws/sns")):
        clients.sns.set_topic_attributes(TopicArn=deployed.id, AttributeName=name, AttributeValue=value)


def change_distribution(clients: Clients, deployed: Deployed) -> None:
    answer = clients.cloudfront.get_distribution_config(Id=deployed.id)
    configuration: Any = answer["DistributionConfig"]
    configuration["DefaultCacheBehavior"]["ViewerProtocolPolicy"] = "allow-all"
    configuration["Origins"]["Items"][0]["DomainName"] = "elsewhere.example.com"
    clients.cloudfront.update_distribution(Id=deployed.id, IfMatch=answer["ETag"], DistributionConfig=configuration)


@pytest.mark.parametrize(
    ("token", "change", "shown"),
    [
        (EVENT_SOURCE_MAPPING, change_mapping, ["destinationConfig", "maximumBatchingWindowInSeconds"]),
        (FUNCTION, change_function, ["tracingConfig"]),
        (API, change_api, ["disableExecuteApiEndpoint"]),
        (INTEGRATION, change_integration, ["description", "timeoutMilliseconds"]),
        (ROUTE, change_route, ["authorizationType", "operationName"]),
        (STAGE, change_stage, ["description", "routeSettings", "stageVariables"]),
        (TOPIC, change_topic, ["displayName", "kmsMasterKeyId"]),
        (DISTRIBUTION, change_distribution, ["defaultCacheBehavior", "origins"]),
    ],
)
def test_a_refresh_shows_a_change_once_and_the_next_update_reverts_it(
    token: str, change: Any, shown: list[str], clients: Clients, dependencies: Dependencies
) -> None:
    deployed = Deployed(clients, token, example(token, dependencies, *(set(shown) - handler_for(token).required)))
    try:
        assert deployed.refresh() == []
        before = deployed.state
        change(clients, deployed)

        assert deployed.refresh() == shown
        assert deployed.refresh() == []
        assert deployed.up() == shown
        assert deployed.refresh() == []
        assert [deployed.state.get(name) for name in shown] == [before.get(name) for name in shown]
    finally:
        deployed.delete()


@pytest.mark.parametrize(
    ("token", "part_token", "part"),
    [
        (TOPIC, "aws:sns/topicPolicy:TopicPolicy", "policy"),
        (QUEUE, "aws:sqs/redrivePolicy:RedrivePolicy", "redrivePolicy"),
    ],
)
def test_an_input_that_another_resource_sets_is_not_a_change(
    token: str, part_token: str, part: str, clients: Clients, dependencies: Dependencies
) -> None:
    whole = Deployed(clients, token, {**example(token, dependencies, part), "name": "Whole.fifo"})
    inputs = example(part_token, dependencies)
    attached = Deployed(clients, part_token, {**inputs, next(iter(inputs.keys() - {part})): whole.id})
    try:
        assert whole.refresh() == []
    finally:
        attached.delete()
        whole.delete()
