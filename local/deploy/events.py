"""EventBridge: buses, their archives, and the rules and targets of those who subscribe."""

from typing_extensions import override

from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler, without
from local.deploy.values import ResourceError, fill, names

_OF_RULE = names("eventBusName rule")
"""What finds the rule of a target; the rest describes the target."""


class _Target(ResourceHandler):
    """A target, which the service keeps in a list of its rule's."""

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        target = without(inputs, _OF_RULE)
        returned = self.send(clients, self.operation.create, inputs, {"targets": [target]})
        if failed := returned.get("failedEntries"):
            raise ResourceError(f"the rule doesn't take its target: {failed}")
        return fill(self.id, inputs)

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)


def _without_empty(properties: Draft, _returned: Properties, _state: Properties) -> Draft:
    # The emulator returns "" for what isn't set, EventBridge nothing.
    return {name: value for name, value in properties.items() if value != ""}


HANDLERS = (
    ResourceHandler(
        pulumi_type="aws:cloudwatch/eventBus:EventBus",
        service="events",
        operations="CreateEventBus DescribeEventBus UpdateEventBus DeleteEventBus",
        required=names("name"),
        optional=names("deadLetterConfig description kmsKeyIdentifier tags"),
        id="{name}",
        defaults={"description": ""},
        outputs={"arn": "{arn}"},
        from_service=_without_empty,
    ),
    ResourceHandler(
        pulumi_type="aws:cloudwatch/eventArchive:EventArchive",
        service="events",
        operations="CreateArchive DescribeArchive UpdateArchive DeleteArchive",
        required=names("eventSourceArn name"),
        optional=names("description eventPattern kmsKeyIdentifier retentionDays"),
        immutable=names("eventSourceArn"),
        id="{name}",
        renamed={"ArchiveName": "name"},
        documents=names("eventPattern"),
        # 0 keeps events for ever. Source: EventBridge API reference, CreateArchive.
        defaults={"description": "", "eventPattern": "", "kmsKeyIdentifier": "", "retentionDays": 0},
        outputs={"arn": "{archiveArn}"},
        from_service=_without_empty,
    ),
    ResourceHandler(
        pulumi_type="aws:cloudwatch/eventRule:EventRule",
        service="events",
        operations="PutRule DescribeRule DeleteRule",
        required=names("eventBusName eventPattern name"),
        optional=names("description roleArn state tags"),
        id="{eventBusName}/{name}",
        documents=names("eventPattern"),
        defaults={"description": "", "roleArn": "", "state": "ENABLED"},
        outputs={"arn": "{arn}"},
        from_service=_without_empty,
    ),
    _Target(
        pulumi_type="aws:cloudwatch/eventTarget:EventTarget",
        service="events",
        operations="PutTargets ListTargetsByRule RemoveTargets",
        required=names("arn eventBusName rule targetId"),
        optional=names("deadLetterConfig input inputPath retryPolicy roleArn sqsTarget"),
        id="{eventBusName}/{rule}/{targetId}",
        parameters={"Ids": ["{targetId}"]},
        result="targets",
        renamed={"Id": "targetId", "SqsParameters": "sqsTarget"},
    ),
)
