"""Examples of an event bus, its archive, a rule and the rule's target."""

import json

from tests.support.local.resource_examples.example import EVENT_BUS, EVENT_RULE, QUEUE, TAGS, Example, Examples

REGISTERED = json.dumps({"detail-type": ["UserRegistered"]})
CHANGED = json.dumps({"detail-type": ["UserChanged"]})

EVENTS: Examples = {
    EVENT_BUS: lambda _: Example(
        {"name": "UserEvents", "description": "Changes of users", "tags": TAGS},
        {"description": "Changes of users, for other teams", "tags": {"only": "this"}},
    ),
    "aws:cloudwatch/eventArchive:EventArchive": lambda dependencies: Example(
        {
            "name": "UserEvents",
            "description": "What was published",
            "eventSourceArn": dependencies.get(EVENT_BUS)["arn"],
            "eventPattern": REGISTERED,
            "retentionDays": 7,
        },
        {"description": "What was published lately", "eventPattern": CHANGED, "retentionDays": 1},
    ),
    EVENT_RULE: lambda dependencies: Example(
        {
            "name": "WelcomeNewUsers",
            "description": "Registrations",
            "eventBusName": dependencies.get(EVENT_BUS)["name"],
            "eventPattern": REGISTERED,
            "state": "ENABLED",
            "tags": TAGS,
        },
        {"description": "Changes", "eventPattern": CHANGED, "state": "DISABLED", "tags": {"only": "this"}},
    ),
    "aws:cloudwatch/eventTarget:EventTarget": lambda dependencies: Example(
        {
            "arn": dependencies.get(QUEUE)["arn"],
            "eventBusName": dependencies.get(EVENT_BUS)["name"],
            "rule": dependencies.get(EVENT_RULE)["name"],
            "targetId": "queue",
            "deadLetterConfig": {"arn": dependencies.get(QUEUE)["arn"]},
            "retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 5},
        },
        {"retryPolicy": {"maximumEventAgeInSeconds": 7200, "maximumRetryAttempts": 5}},
    ),
}
