"""The stream's records are never lost or blocked, and no caller takes all of the account's capacity."""

from collections.abc import Iterator, Sequence
from typing import Any

from guardrails.resource import (
    EVENT_SOURCE_MAPPING,
    FUNCTION,
    INTEGRATION,
    LOG_GROUP,
    QUEUE,
    STAGE,
    UNKNOWN,
    Resource,
    ResourceRule,
    Rule,
    StackRule,
    of_type,
)

MAXIMUM_RECORD_AGE_SECONDS = 12 * 60 * 60
"""Half of the 24 hours after which a stream forgets: what is given up by then can still be fetched by its pointer."""

MAXIMUM_RETRY_ATTEMPTS = 100
"""More is a batch that blocks its shard until it is too old."""

LAMBDA_DEFAULT_TIMEOUT_SECONDS = 3

NOTHING_RESERVED = -1
"""The provider's word, and its default."""

VISIBILITY_TIMEOUT_FACTOR = 6
"""Source: Lambda developer guide, "Creating and configuring an Amazon SQS event source mapping"."""


def _within(value: Any, least: int, most: Any) -> bool:
    return UNKNOWN in {value, most} or (isinstance(value, int | float) and least <= value <= most)


def is_of_stream(mapping: Resource) -> bool:
    """Whether a mapping reads a DynamoDB stream; a queue's mapping has no starting position."""
    return bool(mapping.get("startingPosition")) or "/stream/" in str(mapping.get("eventSourceArn"))


def _stream_mapping_is_safe(mapping: Resource) -> Iterator[str]:
    if not is_of_stream(mapping):
        return
    if mapping.get("startingPosition") != "TRIM_HORIZON":
        yield "changes made while the mapping starts are missed: set starting_position to TRIM_HORIZON"
    if not _within(mapping.get("maximumRecordAgeInSeconds"), 60, MAXIMUM_RECORD_AGE_SECONDS):
        yield (
            f"maximum_record_age_in_seconds is {mapping.get('maximumRecordAgeInSeconds')}: set it to 60 to "
            f"{MAXIMUM_RECORD_AGE_SECONDS}, or the stream forgets a failed record before it can be fetched"
        )
    if not _within(mapping.get("maximumRetryAttempts"), 0, MAXIMUM_RETRY_ATTEMPTS):
        yield (
            f"maximum_retry_attempts is {mapping.get('maximumRetryAttempts')}: set it to 0 to "
            f"{MAXIMUM_RETRY_ATTEMPTS}, or one bad record blocks its shard"
        )
    if not mapping.get("bisectBatchOnFunctionError"):
        yield "one bad record takes its whole batch with it: set bisect_batch_on_function_error=True"
    if mapping.get("enabled") is False:
        yield "it is switched off, and the stream forgets its records after 24 hours: unset enabled"
    if mapping.get("filterCriteria"):
        yield "records that its filter leaves out are gone without a word: take filter_criteria out"
    if not mapping.get("destinationConfig", "onFailure", "destinationArn"):
        yield "what the mapping gives up on is lost: set destination_config to the failure queue"


def _failures_are_reported_one_by_one(mapping: Resource) -> Iterator[str]:
    if "ReportBatchItemFailures" not in mapping.list("functionResponseTypes"):
        yield (
            "records that succeeded are done again with the one that failed: set function_response_types to "
            "ReportBatchItemFailures"
        )


def _function_of(mapping: Resource, functions: Sequence[Resource]) -> Resource | None:
    """The function that a mapping invokes, which it names by name or ARN."""
    named = str(mapping.get("functionName")).rpartition(":")[2]
    return next((function for function in functions if function.get("name") == named), None)


def _concurrency_is_bounded(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    functions = of_type(resources, FUNCTION)
    bounded, unbounded = set[str](), set[str]()
    for mapping in of_type(resources, EVENT_SOURCE_MAPPING):
        function = _function_of(mapping, functions)
        if function is not None:
            # A stream's mapping invokes shards times the parallelization factor at most.
            is_bounded = is_of_stream(mapping) or mapping.get("scalingConfig", "maximumConcurrency")
            (bounded if is_bounded else unbounded).add(function.urn)
    throttled = all(stage.get("defaultRouteSettings", "throttlingRateLimit") for stage in of_type(resources, STAGE))
    behind_api = [str(integration.get("integrationUri")) for integration in of_type(resources, INTEGRATION)]
    for function in functions:
        name = function.get("name")
        is_behind_throttled_api = throttled and any(f":function:{name}/" in f"{uri}/" for uri in behind_api)
        reserved = function.get("reservedConcurrentExecutions") or NOTHING_RESERVED
        is_invoked_within_bounds = function.urn in bounded - unbounded or is_behind_throttled_api
        if reserved == NOTHING_RESERVED and (function.urn in unbounded or not is_invoked_within_bounds):
            yield (
                function,
                "nothing bounds its concurrency: reserve some, or limit what invokes it (scaling_config, throttling)",
            )


def _api_is_throttled(stage: Resource) -> Iterator[str]:
    for name in ("throttlingRateLimit", "throttlingBurstLimit"):
        if not stage.get("defaultRouteSettings", name):
            yield f"one caller can take all of the account's requests: set {name} in default_route_settings"
        for route in stage.list("routeSettings"):
            if not _within(route.get(name), 1, stage.get("defaultRouteSettings", name) or 0):
                yield f"{route.get('routeKey')} goes around the stage's throttling: set its {name} to no more than that"
    if not stage.get("accessLogSettings", "destinationArn"):
        yield "nobody can tell who was refused: set access_log_settings"


def _queue_outlasts_its_consumer(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    functions = of_type(resources, FUNCTION)
    queues = {queue.get("name"): queue for queue in of_type(resources, QUEUE)}
    for mapping in of_type(resources, EVENT_SOURCE_MAPPING):
        queue = queues.get(str(mapping.get("eventSourceArn")).rpartition(":")[2])
        function = _function_of(mapping, functions)
        if queue is None or function is None:
            continue
        least = VISIBILITY_TIMEOUT_FACTOR * (function.get("timeout") or LAMBDA_DEFAULT_TIMEOUT_SECONDS)
        if not _within(queue.get("visibilityTimeoutSeconds"), least, 43_200):
            yield (
                queue,
                f"a message comes back while it is worked on: set visibility_timeout_seconds to {least} or more",
            )
        if not queue.get("redrivePolicy"):
            yield queue, "a message that can't be handled comes back for ever: set redrive_policy"


def _function_has_its_log(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    logs = {log_group.get("name") for log_group in of_type(resources, LOG_GROUP)}
    for function in of_type(resources, FUNCTION):
        if f"/aws/lambda/{function.get('name')}" not in logs:
            yield function, "Lambda makes it a log group that is kept for ever: add one with retention"


RULES: list[Rule] = [
    ResourceRule(
        name="stream-mapping-is-safe",
        description="A record that fails is retried for a bounded time, alone, and kept.",
        types=frozenset({EVENT_SOURCE_MAPPING}),
        check=_stream_mapping_is_safe,
        takes_unknowns=True,
    ),
    ResourceRule(
        name="failures-are-reported-one-by-one",
        description="A failure says which record failed.",
        types=frozenset({EVENT_SOURCE_MAPPING}),
        check=_failures_are_reported_one_by_one,
    ),
    StackRule(
        name="concurrency-is-bounded",
        description="No function can take all of the account's concurrency.",
        check=_concurrency_is_bounded,
    ),
    ResourceRule(
        name="api-is-throttled",
        description="The API refuses what is too much, and logs who was refused.",
        types=frozenset({STAGE}),
        check=_api_is_throttled,
        takes_unknowns=True,
    ),
    StackRule(
        name="queues-outlast-their-consumers",
        description="A message is hidden while it is worked on, and set aside after a few tries.",
        check=_queue_outlasts_its_consumer,
    ),
    StackRule(
        name="functions-have-their-logs",
        description="Each function's log group is part of the stack, with its retention.",
        check=_function_has_its_log,
    ),
]
