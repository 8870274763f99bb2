import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from guardrails import limits
from guardrails import resource as types
from guardrails.limits import CALLS
from guardrails.resource import Resource, StackConfig
from infra.naming import ENVIRONMENT_MAXIMUM_LENGTH
from tests.support.stack.guarded_stack import (
    ALL,
    STACKS,
    broken_rules,
    changed,
    findings,
    guarded,
    resources_of,
    without,
)
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import record

STREAM_MAPPING = ("users-stream", types.EVENT_SOURCE_MAPPING)
ACTIVITY_MAPPING = ("activity-stream", types.EVENT_SOURCE_MAPPING)
USERS_STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/Users-prod/stream/2026-01-01T00:00:00.000"
FAILURE_MAPPING = ("failure-queue", types.EVENT_SOURCE_MAPPING)
USERS = ("users", types.TABLE)
ROLE = ("register-user-role", types.ROLE)
DEAD_LETTERS = ("dead-letter-queue", types.QUEUE)
REDRIVE = ("failure-redrive-queue-sources", types.REDRIVE_ALLOW_POLICY)
FAILURE_QUEUE = "arn:aws:sqs:eu-west-1:123456789012:UserChangesFailureQueue-prod"
BUCKET = ("failed-records", types.BUCKET)
LOG_FUNCTION = ("log-user-changes", types.FUNCTION)
DEPTH_ALARM = ("DeadLetterQueueDepth", types.ALARM)
RATE_ALARM = ("ApiThrottles", types.ALARM)
SILENCE_ALARM = ("StreamNotPolled", types.ALARM)
PAGE = ("website", types.DISTRIBUTION)
TLS_ONLY = json.dumps({"Statement": {"Sid": "Tls", "Effect": "Deny", "Principal": "*", "Action": "sns:Publish"}})
ANYTHING = json.dumps({"Statement": {"Sid": "Any", "Effect": "Allow", "Action": "*", "Resource": "*"}})
TAKES_POST = {"viewerProtocolPolicy": "https-only", "allowedMethods": ["GET", "HEAD", "POST"]}
ANYBODY = json.dumps({"Statement": {"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"}})


COUNTS_ONLY: dict[str, Any] = {"rules": [{"action": {"count": {}}, "statement": {"rateBasedStatement": {}}}]}
UNSET: dict[str, Any] = {}
DOMAINS_AND_LIMIT = {
    "userstream:apiDomain": "api.example.com",
    "userstream:apiHostedZoneId": "Z0123456789ABCDEFGHIJ",
    "userstream:websiteDomain": "www.example.com",
    "userstream:websiteHostedZoneId": "Z0123456789ABCDEFGHIJ",
    "userstream:registrationsPerClient": "100",
}


@cache
def prod_with_domains_and_limit() -> list[Resource]:
    return guarded(record("prod", config=own_config("prod") | DOMAINS_AND_LIMIT))


def redrive(permission: str, *sources: str) -> str:
    return json.dumps({"redrivePermission": permission, **({"sourceQueueArns": sources} if sources else {})})


def query(name: str, namespace: str, metric: str, **dimensions: str) -> dict[str, Any]:
    """Return a query of an alarm's metric math."""
    watched = {"namespace": namespace, "metricName": metric, "stat": "Sum", "period": 60}
    return {"id": name, "metric": {**watched, **({"dimensions": dimensions} if dimensions else {})}}


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_of_every_stack_keeps_every_rule(stack: str) -> None:
    assert [str(finding) for finding in findings(ALL, resources_of(stack))] == []


@pytest.mark.parametrize("region", ["us-isof-south-1", "ap-southeast-5", "eusc-de-east-1"])
def test_the_longest_environment_name_fits_into_every_physical_name_of_any_region(region: str) -> None:
    config = {**own_config("prod"), "aws:region": region}
    stack = guarded(record("e" * ENVIRONMENT_MAXIMUM_LENGTH, config=config))

    assert [str(finding) for finding in findings(ALL, stack)] == []


def test_an_environment_and_tags_may_have_every_character_that_the_settings_allow() -> None:
    config = {**own_config("prod"), "userstream:tags": '{"cost-centre": "a1_2 +-=._:/@"}'}

    assert findings(ALL, guarded(record("prod-eu2", config=config))) == []


def test_every_rule_has_its_own_name_and_a_sentence() -> None:
    assert len({rule.name for rule in ALL}) == len(ALL)
    assert all(rule.description.endswith(".") for rule in ALL)


@pytest.mark.parametrize(
    ("resource", "properties", "rule"),
    [
        (DEAD_LETTERS, {"sqsManagedSseEnabled": None}, "queues-are-encrypted"),
        (DEAD_LETTERS, {"messageRetentionSeconds": None}, "queues-have-retention"),
        (DEAD_LETTERS, {"messageRetentionSeconds": 30}, "within-the-documented-limits"),
        (DEAD_LETTERS, {"name": "Dead letters"}, "within-the-documented-limits"),
        (("log-user-changes-log", types.LOG_GROUP), {"retentionInDays": None}, "log-groups-have-retention"),
        (("log-user-changes-log", types.LOG_GROUP), {"retentionInDays": 31}, "within-the-documented-limits"),
        (("register-user", types.FUNCTION), {"runtime": "python3.9"}, "within-the-documented-limits"),
        (("register-user", types.FUNCTION), {"runtime": "nodejs24.x"}, "within-the-documented-limits"),
        (USERS, {"deletionProtectionEnabled": None}, "tables-state-their-protection"),
        (USERS, {"deletionProtectionEnabled": False}, "production-is-protected"),
        (USERS, {"pointInTimeRecovery": {"enabled": False}}, "production-is-protected"),
        (BUCKET, {"forceDestroy": True}, "production-is-protected"),
        (("failed-records", types.BUCKET_ENCRYPTION), {"bucket": "another"}, "buckets-are-encrypted"),
        (("failed-records", types.BUCKET_PUBLIC_ACCESS_BLOCK), {"blockPublicPolicy": False}, "buckets-are-private"),
        (("failed-records", types.BUCKET_POLICY), {"bucket": "another"}, "no-plain-http"),
        (("get-users-user", types.ROUTE), {"authorizationType": "NONE"}, "routes-are-signed"),
        (("get-users-user", types.PERMISSION), {"principal": "*"}, "permissions-are-narrow"),
        (("get-users-user", types.PERMISSION), {"sourceArn": None}, "permissions-are-narrow"),
        (("get-users-user", types.PERMISSION), {"sourceArn": "arn:aws:execute-api:*:*:*"}, "permissions-are-narrow"),
        # Policies inside other resources.
        (DEAD_LETTERS, {"policy": ANYBODY}, "policies-name-their-principals"),
        (ROLE, {"inlinePolicies": [{"name": "any", "policy": ANYTHING}]}, "policies-name-what-they-allow"),
        (ROLE, {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}, "no-managed-policies"),
        (PAGE, {"defaultCacheBehavior": {"viewerProtocolPolicy": "allow-all"}}, "pages-are-https"),
        (
            PAGE,
            {"viewerCertificate": {"acmCertificateArn": "arn:aws:acm:us-east-1:1:certificate/c"}},
            "pages-are-https",
        ),
        (("api", types.API), {"corsConfiguration": {"allowOrigins": ["*"]}}, "origins-are-named"),
        (
            PAGE,
            {
                "viewerCertificate": {
                    "acmCertificateArn": "arn:aws:acm:us-east-1:1:certificate/c",
                    "minimumProtocolVersion": "TLSv1.2_2018",
                }
            },
            "pages-are-https",
        ),
        (PAGE, {"defaultCacheBehavior": TAKES_POST}, "web-acls-are-attached"),
        (("api", types.API), {"disableExecuteApiEndpoint": True}, "apis-have-one-address"),
        (STREAM_MAPPING, {"maximumRecordAgeInSeconds": 86_400}, "stream-mapping-is-safe"),
        (STREAM_MAPPING, {"maximumRecordAgeInSeconds": -1}, "stream-mapping-is-safe"),
        (STREAM_MAPPING, {"maximumRetryAttempts": None}, "stream-mapping-is-safe"),
        (STREAM_MAPPING, {"bisectBatchOnFunctionError": False}, "stream-mapping-is-safe"),
        (STREAM_MAPPING, {"destinationConfig": None}, "stream-mapping-is-safe"),
        (STREAM_MAPPING, {"startingPosition": "LATEST"}, "stream-mapping-is-safe"),
        (STREAM_MAPPING, {"filterCriteria": {"filters": [{"pattern": "{}"}]}}, "streams-deliver-changes-alone"),
        (ACTIVITY_MAPPING, {"filterCriteria": None}, "streams-deliver-changes-alone"),
        (ACTIVITY_MAPPING, {"filterCriteria": {"filters": [{"pattern": "{}"}]}}, "streams-deliver-changes-alone"),
        (ACTIVITY_MAPPING, {"filterCriteria": {"filters": [{"pattern": "{"}]}}, "streams-deliver-changes-alone"),
        (ACTIVITY_MAPPING, {"eventSourceArn": USERS_STREAM}, "streams-have-one-mapping"),
        (STREAM_MAPPING, {"metricsConfig": None}, "failures-raise-an-alarm"),
        (SILENCE_ALARM, {"treatMissingData": "notBreaching"}, "failures-raise-an-alarm"),
        (STREAM_MAPPING, {"functionResponseTypes": []}, "batch-item-failures-are-reported"),
        (STREAM_MAPPING, {"parallelizationFactor": 11}, "within-the-models-limits"),
        (FAILURE_MAPPING, {"scalingConfig": None}, "concurrency-is-bounded"),
        (("default", types.STAGE), {"defaultRouteSettings": {"throttlingRateLimit": 1}}, "api-is-throttled"),
        (("failure-queue", types.QUEUE), {"visibilityTimeoutSeconds": 30}, "queues-outlast-their-consumers"),
        (("failure-queue", types.QUEUE), {"redrivePolicy": None}, "queues-outlast-their-consumers"),
        (REDRIVE, {"redriveAllowPolicy": redrive("allowAll")}, "queues-name-who-redrives-to-them"),
        (REDRIVE, {"redriveAllowPolicy": redrive("denyAll")}, "queues-name-who-redrives-to-them"),
        (REDRIVE, {"redriveAllowPolicy": redrive("byQueue")}, "queues-name-who-redrives-to-them"),
        (REDRIVE, {"redriveAllowPolicy": redrive("byQueue", "arn:aws:sqs:::Q")}, "queues-name-who-redrives-to-them"),
        (
            REDRIVE,
            {"redriveAllowPolicy": redrive("byQueue", FAILURE_QUEUE, "arn:aws:sqs:::Q")},
            "queues-name-who-redrives-to-them",
        ),
        (REDRIVE, {"redriveAllowPolicy": redrive("allowAll", FAILURE_QUEUE)}, "queues-name-who-redrives-to-them"),
        (REDRIVE, {"redriveAllowPolicy": "all"}, "queues-name-who-redrives-to-them"),
        (REDRIVE, {"queueUrl": "https://sqs/Other"}, "queues-name-who-redrives-to-them"),
        (
            ("dead-letter-queue-sources", types.REDRIVE_ALLOW_POLICY),
            {"redriveAllowPolicy": redrive("byQueue", FAILURE_QUEUE)},
            "queues-name-who-redrives-to-them",
        ),
        (("log-user-changes-log", types.LOG_GROUP), {"name": "/aws/lambda/Other"}, "functions-have-log-groups"),
        (DEPTH_ALARM, {"alarmActions": []}, "alarms-have-actions"),
        (DEPTH_ALARM, {"metricName": "ApproximateNumberOfMessages"}, "metrics-exist"),
        (DEPTH_ALARM, {"dimensions": {"QueueName": "Other"}}, "alarms-watch-what-exists"),
        (DEPTH_ALARM, {"dimensions": {"QueueName": "Other"}}, "failures-raise-an-alarm"),
        (DEPTH_ALARM, {"dimensions": {"QueueNme": "UserChangesDeadLetterQueue-prod"}}, "metrics-exist"),
        (DEPTH_ALARM, {"dimensions": {"QueueNme": "UserChangesDeadLetterQueue-prod"}}, "failures-raise-an-alarm"),
        (DEPTH_ALARM, {"namespace": None, "metricName": None}, "metrics-exist"),
        (DEPTH_ALARM, {"alarmActions": ["arn:aws:sns:eu-west-1:123456789012:Other"]}, "alarm-topics-accept-alarms"),
        (RATE_ALARM, {"metricQueries": []}, "metrics-exist"),
        (RATE_ALARM, {"metricQueries": [query("m", "AWS/ApiGateway", "Counts", ApiId="a")]}, "metrics-exist"),
        (RATE_ALARM, {"metricQueries": [query("m", "AWS/ApiGateway", "Count", Api="a")]}, "metrics-exist"),
        (RATE_ALARM, {"metricQueries": [query("m", "AWS/ApiGateway", "Count")]}, "metrics-exist"),
        (RATE_ALARM, {"metricQueries": [query("m", "userstream-prod", "Throttled")]}, "alarms-watch-what-exists"),
        (
            RATE_ALARM,
            {"metricQueries": [query("m", "userstream-prod", "ThrottledRequests")]},
            "expressions-name-their-metrics",
        ),
        (
            RATE_ALARM,
            {"metricQueries": [{"id": "e", "expression": "m * 2", "returnData": True}]},
            "expressions-name-their-metrics",
        ),
        (("throttled-requests", types.METRIC_FILTER), {"logGroupName": "another"}, "alarms-watch-what-exists"),
        (("throttled-requests", types.METRIC_FILTER), {"name": "a:b"}, "within-the-models-limits"),
        (("alarms", types.TOPIC_POLICY), {"policy": TLS_ONLY}, "alarm-topics-accept-alarms"),
        (LOG_FUNCTION, {"tags": {"project": "userstream"}}, "resources-are-tagged"),
        (LOG_FUNCTION, {"publish": None}, "functions-are-published"),
        (("get-users", types.PERMISSION), {"qualifier": None}, "functions-are-invoked-through-their-alias"),
        (("get-users", types.PERMISSION), {"qualifier": "7"}, "functions-are-invoked-through-their-alias"),
        (
            ("register-user", types.INTEGRATION),
            {"integrationUri": "arn:aws:lambda:eu-west-1:123456789012:function:RegisterUserFunction-prod"},
            "functions-are-invoked-through-their-alias",
        ),
        (
            ("failure-queue", types.EVENT_SOURCE_MAPPING),
            {"functionName": "arn:aws:lambda:eu-west-1:123456789012:function:RescueFailedBatchesFunction-prod:2"},
            "functions-are-invoked-through-their-alias",
        ),
        (LOG_FUNCTION, {"memorySize": 64}, "within-the-models-limits"),
        (LOG_FUNCTION, {"name": "Log user changes"}, "within-the-models-limits"),
        (LOG_FUNCTION, {"name": "L" * 65}, "within-the-documented-limits"),
        (LOG_FUNCTION, {"timeout": 901}, "within-the-documented-limits"),
        (USERS, {"name": "Us"}, "within-the-documented-limits"),
        (PAGE, {"priceClass": "PriceClass_1"}, "within-the-models-limits"),
        (
            PAGE,
            {"origins": [{"originId": "o", "customOriginConfig": {"originProtocolPolicy": "https"}}]},
            "within-the-models-limits",
        ),
        (
            ("failed-records", types.BUCKET_ENCRYPTION),
            {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES128"}}]},
            "within-the-models-limits",
        ),
        (LOG_FUNCTION, {"runtime": "python3.99"}, "within-the-models-limits"),
        # Typos, also where the SDK checks no names, and a required value that is None.
        (LOG_FUNCTION, {"environment": {"variabels": {}}}, "properties-fit-their-types"),
        (LOG_FUNCTION, {"memorySise": 128}, "properties-fit-their-types"),
        (LOG_FUNCTION, {"role": None}, "properties-fit-their-types"),
        (USERS, {"pointInTimeRecovery": {}}, "properties-fit-their-types"),
        (LOG_FUNCTION, {"timeout": "30"}, "properties-fit-their-types"),
    ],
)
def test_a_resource_that_breaks_a_rule_is_found(
    resource: tuple[str, str], properties: Mapping[str, Any], rule: str
) -> None:
    assert rule in broken_rules(changed(resources_of("prod"), *resource, properties))


@pytest.mark.parametrize("queue", ["dead-letter-queue", "failure-queue", "failure-redrive-queue"])
def test_a_queue_to_which_any_queue_may_redrive_is_found(queue: str) -> None:
    resources = without(resources_of("prod"), f"{queue}-sources", types.REDRIVE_ALLOW_POLICY)

    assert broken_rules(resources) == {"queues-name-who-redrives-to-them"}


def test_a_queue_s_own_property_may_say_who_redrives_to_it() -> None:
    resources = without(resources_of("prod"), "dead-letter-queue-sources", types.REDRIVE_ALLOW_POLICY)

    assert broken_rules(changed(resources, *DEAD_LETTERS, {"redriveAllowPolicy": redrive("denyAll")})) == set()


@pytest.mark.parametrize(
    ("resource", "properties", "rule"),
    [
        (("api", types.API), {"disableExecuteApiEndpoint": None}, "apis-have-one-address"),
        (
            ("api", types.API_DOMAIN),
            {"domainNameConfiguration": {"securityPolicy": "TLS_1_0"}},
            "api-domains-refuse-old-tls",
        ),
        (("api", types.API_DOMAIN), {"domainNameConfiguration": UNSET}, "api-domains-refuse-old-tls"),
        (
            ("api", types.API_DOMAIN),
            {"domainNameConfiguration": {"securityPolicy": "SecurityPolicy_TLS13_1_3_2025_09"}},
            "api-domains-refuse-old-tls",
        ),
        *(
            (PAGE, {"viewerCertificate": {"acmCertificateArn": "arn", **protocol}}, "pages-are-https")
            for protocol in (
                UNSET,
                {"minimumProtocolVersion": "TLSv1"},
                {"minimumProtocolVersion": "TLSv1.1_2016"},
                {"minimumProtocolVersion": "TLSv1.2_2018"},
            )
        ),
        (
            ("api", types.API_DOMAIN),
            {"domainNameConfiguration": {"endpointType": "PUBLIC"}},
            "within-the-models-limits",
        ),
        (("website", types.CERTIFICATE), {"validationMethod": "EMAIL"}, "certificates-renew-themselves"),
        (("website", types.CERTIFICATE), {"domainName": "no domain"}, "within-the-models-limits"),
        (PAGE, {"webAclId": None}, "web-acls-are-attached"),
        (("website", types.WEB_ACL), {"region": None}, "web-acls-limit-each-client"),
        (("website", types.WEB_ACL), {"region": "eu-west-1"}, "web-acls-limit-each-client"),
        (("website", types.WEB_ACL), {"rules": []}, "web-acls-limit-each-client"),
        (
            ("website", types.WEB_ACL),
            COUNTS_ONLY,
            "web-acls-limit-each-client",
        ),
        (("website", types.WEB_ACL), {"name": "Page of prod"}, "within-the-models-limits"),
        (
            ("website", types.WEB_ACL),
            {"rules": [{"statement": {"rateBasedStatement": {"limit": 9}}}]},
            "within-the-models-limits",
        ),
    ],
)
def test_a_domain_or_a_limit_that_breaks_a_rule_is_found(
    resource: tuple[str, str], properties: Mapping[str, Any], rule: str
) -> None:
    assert rule in broken_rules(changed(prod_with_domains_and_limit(), *resource, properties))


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ({"Action": "dynamodb:*"}, "policies-name-what-they-allow"),
        ({"Action": ["dynamodb:Put*"]}, "policies-name-what-they-allow"),
        ({"Resource": "*"}, "policies-name-what-they-allow"),
        ({"Resource": ["arn:aws:dynamodb:eu-west-1:123456789012:table/*"]}, "policies-name-what-they-allow"),
        ({"Resource": "arn:aws:dynamodb:*:123456789012:table/Users-prod"}, "policies-name-what-they-allow"),
        ({"Principal": "*"}, "policies-name-their-principals"),
        ({"Principal": {"AWS": "*"}}, "policies-name-their-principals"),
    ],
)
def test_a_wildcard_in_a_policy_is_found(statement: Mapping[str, Any], rule: str) -> None:
    narrow = {
        "Sid": "Store",
        "Effect": "Allow",
        "Action": "dynamodb:PutItem",
        "Resource": "arn:aws:dynamodb:eu-west-1:123456789012:table/Users-prod",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": {**narrow, **statement}})
    policy = ("register-user-policy", types.ROLE_POLICY)

    assert broken_rules(changed(resources_of("prod"), *policy, {"policy": document})) == {rule}


def test_a_not_action_counts_as_a_wildcard() -> None:
    statement = {"Sid": "Store", "Effect": "Allow", "NotAction": "iam:PassRole", "Resource": "arn:aws:s3:::one/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    policy = ("register-user-policy", types.ROLE_POLICY)

    assert broken_rules(changed(resources_of("prod"), *policy, {"policy": document})) == {
        "policies-name-what-they-allow"
    }


@pytest.mark.parametrize(
    ("type_token", "properties", "rule"),
    [
        (
            types.ROLE_POLICY_ATTACHMENT,
            {"role": "r", "policyArn": "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"},
            "no-managed-policies",
        ),
        (types.FUNCTION_URL, {"functionName": "f", "authorizationType": "NONE"}, "no-function-urls"),
        ("aws:sqs/quoue:Quoue", {}, "properties-fit-their-types"),
        (types.EVENT_ARCHIVE, {"name": "Kept"}, "archives-have-retention"),
        (types.EVENT_BUS, {"name": "Mine", "tags": {"environment": "prod"}}, "production-is-protected"),
        ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", {}, "types-are-reviewed"),
        ("aws:s3/bucketV2:BucketV2", {"bucket": "another"}, "types-are-reviewed"),
    ],
)
def test_a_resource_of_a_forbidden_type_is_found(type_token: str, properties: Mapping[str, Any], rule: str) -> None:
    prod = StackConfig.read("prod", {})
    added = Resource(stack=prod, type=type_token, name="added", urn="urn:added", properties=properties, protect=False)

    assert rule in broken_rules([*resources_of("prod"), added])


@pytest.mark.parametrize("resource", [USERS, DEAD_LETTERS, BUCKET, ("api", types.API)], ids=lambda pair: pair[0])
def test_a_resource_with_data_must_be_protected_by_pulumi_in_prod(resource: tuple[str, str]) -> None:
    resources = [
        replace(each, protect=False) if (each.name, each.type) == resource else each for each in resources_of("prod")
    ]
    assert broken_rules(resources) == {"production-is-protected"}


UNPROTECTED = {"userstream:deletionProtection": "false", "userstream:protectResources": "false"}


@pytest.mark.parametrize(
    ("stack", "settings", "protected"),
    [
        ("staging", {}, False),
        ("staging", {"userstream:protectedEnvironment": "false"}, False),
        ("staging", {"userstream:protectedEnvironment": "true"}, True),
        # prod can't be switched off, nor by another name of its stack or of the environment.
        ("prod", {}, True),
        ("prod", {"userstream:protectedEnvironment": "false"}, True),
        ("prod", {"userstream:environment": "main"}, True),
        ("prod-us", {"userstream:environment": "prod"}, True),
        ("prod-us", {}, False),
    ],
)
def test_the_environments_that_must_be_protected_are_prod_and_those_whose_setting_says_so(
    stack: str, settings: dict[str, str], *, protected: bool
) -> None:
    program = {**own_config("prod"), **UNPROTECTED, **settings, "userstream:protectedEnvironment": "false"}
    # The program itself refuses the setting without the protection.
    recorded = replace(record(stack, config=program), config=settings)

    assert broken_rules(guarded(recorded)) == ({"production-is-protected"} if protected else set())


def test_a_second_mapping_of_a_stream_is_told_which_topic_to_read_instead() -> None:
    resources = changed(resources_of("prod"), *ACTIVITY_MAPPING, {"eventSourceArn": USERS_STREAM})

    (finding,) = (found for found in findings(ALL, resources) if found.rule == "streams-have-one-mapping")
    assert "declare a consumer of the topic UserChanges-prod.fifo" in finding.message


def test_a_function_without_a_mapping_has_unbounded_concurrency() -> None:
    unreserved = changed(resources_of("prod"), *LOG_FUNCTION, {"reservedConcurrentExecutions": None})

    assert "concurrency-is-bounded" in broken_rules(without(unreserved, *STREAM_MAPPING))


def test_every_property_is_a_member_of_the_call_that_makes_its_resource() -> None:
    """A property that CALLS doesn't cover raises, so that no limit is skipped silently."""
    for stack in STACKS:
        for resource in resources_of(stack):
            call = CALLS.get(resource.type)
            for name in resource.properties if call else ():
                limits.member_of(call, name)  # pyright: ignore[reportArgumentType]
    with pytest.raises(LookupError, match="say in CALLS what memorySise becomes"):
        limits.member_of(CALLS[types.FUNCTION], "memorySise")
