"""Rules on delivery and load: no record is lost or blocks others, and no caller takes it all."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from guardrails.access import statements
from guardrails.resource import (
    EVENT_SOURCE_MAPPING,
    FUNCTION,
    INTEGRATION,
    LOG_GROUP,
    PERMISSION,
    QUEUE,
    QUEUE_POLICY,
    REDRIVE_ALLOW_POLICY,
    STAGE,
    SUBSCRIPTION,
    TABLE,
    TOPIC,
    UNKNOWN,
    Resource,
    Rules,
    of_type,
)
from infra.naming import LIVE_ALIAS

RULES = Rules()

MAXIMUM_RECORD_AGE_SECONDS = 12 * 60 * 60
"""Half of the 24 hours that a stream keeps a record: 12 hours remain to read a discarded one."""

MAXIMUM_RETRY_ATTEMPTS = 100
"""With more, a bad batch blocks its shard until it is too old."""

LAMBDA_DEFAULT_TIMEOUT_SECONDS = 3

NOTHING_RESERVED = -1
"""The provider's default for reserved concurrency."""

VISIBILITY_TIMEOUT_FACTOR = 6
"""Source: Lambda developer guide, "Creating and configuring an Amazon SQS event source mapping"."""


NEW_CHANGES_ONLY = '{"eventName":["INSERT"],"dynamodb":{"NewImage":{"kind":{"S":["ADDED","UPDATED","DELETED"]}}}}'
"""DynamoDB removes expired items, which its stream shows as REMOVE; and a history may end with an
item that is no change (functions/activity/closing_item.py)."""


def _within(value: Any, least: int, most: Any) -> bool:
    # A value that a preview doesn't know yet passes.
    return UNKNOWN in {value, most} or (isinstance(value, int | float) and least <= value <= most)


def is_of_stream(mapping: Resource) -> bool:
    """Return whether a mapping reads a stream; a queue's mapping has no starting position."""
    return bool(mapping.get("startingPosition")) or "/stream/" in str(mapping.get("eventSourceArn"))


@RULES.for_resource(EVENT_SOURCE_MAPPING, takes_unknowns=True)
def stream_mapping_is_safe(mapping: Resource) -> Iterator[str]:
    """A record that fails must be retried for a bounded time, split from its batch, and kept."""
    if not is_of_stream(mapping):
        return
    if mapping.get("startingPosition") != "TRIM_HORIZON":
        yield "changes made while the mapping starts are missed: set starting_position to TRIM_HORIZON"
    age, attempts = mapping.get("maximumRecordAgeInSeconds"), mapping.get("maximumRetryAttempts")
    if not _within(age, 60, MAXIMUM_RECORD_AGE_SECONDS):
        yield (
            f"maximum_record_age_in_seconds is {age}: set it to 60 to {MAXIMUM_RECORD_AGE_SECONDS}, "
            "or a failed record leaves the stream before it can be read back"
        )
    if not _within(attempts, 0, MAXIMUM_RETRY_ATTEMPTS):
        yield (
            f"maximum_retry_attempts is {attempts}: set it to 0 to {MAXIMUM_RETRY_ATTEMPTS}, "
            "or one bad record blocks its shard"
        )
    if not mapping.get("bisectBatchOnFunctionError"):
        yield "one bad record fails its whole batch: set bisect_batch_on_function_error=True"
    if mapping.get("enabled") is False:
        yield "it is disabled, and records leave the stream after 24 hours: unset enabled"
    if not mapping.get("destinationConfig", "onFailure", "destinationArn"):
        yield "what the mapping gives up on is lost: set destination_config to the failure queue"


@RULES.for_stack
def streams_have_one_mapping(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A stream must have one mapping: its shards take two readers, and the other is the rescue."""
    # Source: DynamoDB developer guide, "Reading and processing a stream".
    topics = [str(topic.get("name")) for topic in of_type(resources, TOPIC) if topic.get("fifoTopic")]
    seen = set[str]()
    for mapping in of_type(resources, EVENT_SOURCE_MAPPING):
        stream = str(mapping.get("eventSourceArn"))
        if is_of_stream(mapping) and stream in seen:
            instead = f"declare a consumer of the topic {' or '.join(topics) or '(there is none yet)'} instead"
            yield mapping, f"it is its stream's second mapping, and takes the rescue's place as a reader: {instead}"
        seen.add(stream)


@RULES.for_stack
def streams_deliver_changes_alone(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A mapping must filter out items that are no changes, and no change of any other table."""
    expiring = {table.get("name") for table in of_type(resources, TABLE) if table.get("ttl", "enabled")}
    for mapping in of_type(resources, EVENT_SOURCE_MAPPING):
        if not is_of_stream(mapping):
            continue
        _, _, table = str(mapping.get("eventSourceArn")).partition(":table/")
        filters = mapping.list("filterCriteria", "filters")
        if table.partition("/")[0] not in expiring:
            if filters:
                yield mapping, "its filter drops records silently: unset filter_criteria"
        elif [_pattern(each) for each in filters] != [json.loads(NEW_CHANGES_ONLY)]:
            yield mapping, f"it may deliver items that are no changes: set filter_criteria to {NEW_CHANGES_ONLY}"


def _pattern(event_filter: Any) -> Any:
    try:
        return json.loads(event_filter["pattern"])
    except (KeyError, TypeError, ValueError):
        return None


@RULES.for_resource(EVENT_SOURCE_MAPPING)
def batch_item_failures_are_reported(mapping: Resource) -> Iterator[str]:
    """A function must report which records failed, so that only those are retried."""
    if "ReportBatchItemFailures" not in mapping.list("functionResponseTypes"):
        yield (
            "records that succeeded are processed again with the one that failed: "
            "set function_response_types to ReportBatchItemFailures"
        )


def _function_of(mapping: Resource, functions: Sequence[Resource]) -> Resource | None:
    """Return the function that a mapping invokes; the mapping names it, or its alias."""
    named = str(mapping.get("functionName")).rpartition(":function:")[2].partition(":")[0]
    return next((function for function in functions if function.get("name") == named), None)


@RULES.for_resource(FUNCTION, takes_unknowns=True)
def functions_are_published(function: Resource) -> Iterator[str]:
    """A function must publish versions, so that there is one to go back to."""
    if function.get("publish") not in {True, UNKNOWN}:
        yield "the code before a change is gone: set publish=True"


@RULES.for_resource(EVENT_SOURCE_MAPPING, INTEGRATION, PERMISSION)
def functions_are_invoked_through_their_alias(invoker: Resource) -> Iterator[str]:
    """What invokes a function must name its alias, which says which version answers."""
    if invoker.type == PERMISSION:
        qualifier, member = invoker.get("qualifier"), "qualifier"
    else:
        member = "functionName" if invoker.type == EVENT_SOURCE_MAPPING else "integrationUri"
        qualifier = str(invoker.get(member)).partition(":function:")[2].partition("/")[0].partition(":")[2]
    if qualifier != LIVE_ALIAS:
        yield f"it invokes the function past its versions: set {member} to the alias {LIVE_ALIAS}"


@RULES.for_stack
def concurrency_is_bounded(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A function's concurrency must be bounded, so that it can't take all of the account's."""
    functions = of_type(resources, FUNCTION)
    bounded, unbounded = set[str](), set[str]()
    for mapping in of_type(resources, EVENT_SOURCE_MAPPING):
        function = _function_of(mapping, functions)
        if function is not None:
            # A stream's mapping invokes at most shards times parallelization factor at once.
            is_bounded = is_of_stream(mapping) or mapping.get("scalingConfig", "maximumConcurrency")
            (bounded if is_bounded else unbounded).add(function.urn)
    throttled = all(stage.get("defaultRouteSettings", "throttlingRateLimit") for stage in of_type(resources, STAGE))
    behind_api = [str(integration.get("integrationUri")) for integration in of_type(resources, INTEGRATION)]
    for function in functions:
        name = function.get("name")
        is_behind_throttled_api = throttled and any(f":function:{name}:" in f"{uri}:" for uri in behind_api)
        reserved = function.get("reservedConcurrentExecutions") or NOTHING_RESERVED
        is_invoked_within_bounds = function.urn in bounded - unbounded or is_behind_throttled_api
        if reserved == NOTHING_RESERVED and (function.urn in unbounded or not is_invoked_within_bounds):
            yield (
                function,
                "nothing bounds its concurrency: reserve some, or limit what invokes it (scaling_config, throttling)",
            )


@RULES.for_resource(STAGE, takes_unknowns=True)
def api_is_throttled(stage: Resource) -> Iterator[str]:
    """The API must throttle requests and log those that it refuses."""
    for name in ("throttlingRateLimit", "throttlingBurstLimit"):
        if not stage.get("defaultRouteSettings", name):
            yield f"one caller can use up the account's requests: set {name} in default_route_settings"
        for route in stage.list("routeSettings"):
            if not _within(route.get(name), 1, stage.get("defaultRouteSettings", name) or 0):
                yield f"{route.get('routeKey')} exceeds the stage's throttling: set its {name} to no more than that"
    if not stage.get("accessLogSettings", "destinationArn"):
        yield "refused requests aren't logged: set access_log_settings"


@RULES.for_stack
def queues_outlast_their_consumers(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A message must stay invisible while it is processed, and be redriven after a few receives."""
    functions = of_type(resources, FUNCTION)
    queues = {queue.get("name"): queue for queue in of_type(resources, QUEUE)}
    # What a redrive queue's consumer can't process stays there until it expires.
    redriven = {_redrive_target(queue) for queue in queues.values()}
    for mapping in of_type(resources, EVENT_SOURCE_MAPPING):
        queue = queues.get(str(mapping.get("eventSourceArn")).rpartition(":")[2])
        function = _function_of(mapping, functions)
        if queue is None or function is None:
            continue
        least = VISIBILITY_TIMEOUT_FACTOR * (function.get("timeout") or LAMBDA_DEFAULT_TIMEOUT_SECONDS)
        if not _within(queue.get("visibilityTimeoutSeconds"), least, 43_200):
            yield (
                queue,
                f"a message becomes visible while it is processed: set visibility_timeout_seconds to {least} or more",
            )
        if not queue.get("redrivePolicy") and queue.get("name") not in redriven:
            yield queue, "a message that can't be processed is received for ever: set redrive_policy"


def _redrive_target(resource: Resource) -> str | None:
    """Return the name of the queue that a queue's or a subscription's failures go to."""
    try:
        return str(json.loads(resource.get("redrivePolicy"))["deadLetterTargetArn"]).rpartition(":")[2]
    except (KeyError, TypeError, ValueError):
        return None


@RULES.for_stack
def queues_name_who_redrives_to_them(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A queue must name the queues that may redrive to it, or every queue of the account may."""
    policies = {
        str(policy.get("queueUrl")).rpartition("/")[2]: policy.get("redriveAllowPolicy")
        for policy in of_type(resources, REDRIVE_ALLOW_POLICY)
    }
    queues = of_type(resources, QUEUE)
    for queue in queues:
        name = queue.get("name")
        sources = {str(source.get("name")) for source in queues if _redrive_target(source) == name}
        if _redrive_sources(policies.get(name) or queue.get("redriveAllowPolicy")) != sources:
            wanted = f"byQueue for {', '.join(sorted(sources))}" if sources else "denyAll"
            yield queue, f"other queues may redrive their messages to it: add a RedriveAllowPolicy with {wanted}"


def _redrive_sources(policy: Any) -> set[str] | None:
    """Return the names of the queues that a policy lets redrive; None if it lets all."""
    try:
        document = json.loads(policy)
        permission, arns = document["redrivePermission"], document.get("sourceQueueArns", ())
    except (KeyError, TypeError, ValueError):
        return None
    named = {str(arn).rpartition(":")[2] for arn in arns}
    return named if permission == ("byQueue" if named else "denyAll") else None


@RULES.for_stack
def subscribed_queues_take_every_message(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A queue must let the topic it is subscribed to send, and keep what can't be delivered."""
    policies = {
        str(policy.get("queueUrl")).rpartition("/")[2]: statements(policy.properties["policy"])
        for policy in of_type(resources, QUEUE_POLICY)
    }
    for subscription in of_type(resources, SUBSCRIPTION):
        if subscription.get("protocol") != "sqs":
            continue
        queue = str(subscription.get("endpoint")).rpartition(":")[2]
        failures = _redrive_target(subscription)
        if failures is None:
            yield subscription, "what SNS can't deliver is lost: set redrive_policy to a failure queue"
        for name in filter(None, (queue, failures)):
            allowed = any(
                statement.effect == "Allow"
                and "sns.amazonaws.com" in statement.principals
                and "sqs:SendMessage" in statement.actions
                for statement in policies.get(name, ())
            )
            if not allowed:
                yield (
                    subscription,
                    f"the policy of {name} refuses its messages: allow sns.amazonaws.com sqs:SendMessage",
                )


@RULES.for_stack
def functions_have_log_groups(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A function's log group must be part of the stack, so that it has a retention."""
    logs = {log_group.get("name") for log_group in of_type(resources, LOG_GROUP)}
    for function in of_type(resources, FUNCTION):
        if f"/aws/lambda/{function.get('name')}" not in logs:
            yield function, "Lambda creates a log group whose events never expire: add one with retention"
