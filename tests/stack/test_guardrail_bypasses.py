"""Programs that break a rule in an indirect way, which means the same to AWS."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from guardrails import resource as types
from guardrails.resource import UNKNOWN, Resource, ResourceRule, StackConfig
from tests.support.stack.guarded_stack import ALL, broken_rules, changed, findings, resources_of

ACCOUNT = "123456789012"


def with_properties(name: str, type_token: str, properties: Mapping[str, Any]) -> list[Resource]:
    """Return prod with other properties of one resource."""
    return changed(resources_of("prod"), name, type_token, properties)


def with_resource(type_token: str, properties: Mapping[str, Any]) -> list[Resource]:
    """Return prod with one more resource."""
    urn = f"urn:pulumi:prod::userstream::{type_token}::added"
    return [
        *resources_of("prod"),
        Resource(
            stack=StackConfig.read("prod", {}),
            type=type_token,
            name="added",
            urn=urn,
            properties=properties,
            protect=True,
        ),
    ]


def allow(**statement: Any) -> dict[str, Any]:
    """Return a policy of one statement."""
    return {"Version": "2012-10-17", "Statement": [{"Sid": "Any", "Effect": "Allow", **statement}]}


@pytest.mark.parametrize("groups", ["*", f"{ACCOUNT}:*", f"{ACCOUNT}:log-group:*"])
def test_a_wildcard_over_all_log_groups_is_found(groups: str) -> None:
    document = allow(Action="logs:PutLogEvents", Resource=f"arn:aws:logs:eu-west-1:{groups}")
    resources = with_properties("register-user-policy", types.ROLE_POLICY, {"policy": json.dumps(document)})

    assert broken_rules(resources) == {"policies-name-what-they-allow"}


def test_a_policy_given_as_a_map_is_checked() -> None:
    document = allow(Action=["*"], Resource="*")
    resources = with_properties("register-user-policy", types.ROLE_POLICY, {"policy": document})

    assert broken_rules(resources) == {"policies-name-what-they-allow"}


def test_a_permission_for_every_action_is_a_wildcard() -> None:
    resources = with_properties("get-users-user", types.PERMISSION, {"action": "lambda:*"})

    assert "permissions-are-narrow" in broken_rules(resources)


@pytest.mark.parametrize(
    "properties",
    [{"target": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:RegisterUserFunction-prod"}, {"body": "{}"}],
)
def test_routes_created_by_the_api_s_own_properties_are_found(properties: Mapping[str, str]) -> None:
    assert broken_rules(with_properties("api", types.API, properties)) == {"routes-are-resources"}


def test_an_unknown_value_breaks_no_rule_and_raises_nothing() -> None:
    resources = resources_of("prod")
    for name, type_token, unknown in (
        ("IteratorAge", types.ALARM, {"dimensions": UNKNOWN}),
        ("website", types.DISTRIBUTION, {"orderedCacheBehaviors": UNKNOWN, "origins": [UNKNOWN]}),
    ):
        resources = changed(resources, name, type_token, unknown)

    before_it_is_known = [rule for rule in ALL if isinstance(rule, ResourceRule) and rule.takes_unknowns]
    assert findings(before_it_is_known, resources) == []


def test_a_customer_managed_policy_is_found() -> None:
    policy = {"role": "RegisterUserFunction-prod-eu-west-1", "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/Everything"}

    assert broken_rules(with_resource(types.ROLE_POLICY_ATTACHMENT, policy)) == {"no-managed-policies"}


def test_a_service_without_a_source_condition_is_found() -> None:
    document = allow(Principal={"Service": "sns.amazonaws.com"}, Action="sqs:SendMessage", Resource="arn:aws:sqs:::q")
    resources = with_properties("dead-letter-queue", types.QUEUE, {"policy": json.dumps(document)})

    assert broken_rules(resources) == {"services-act-for-a-named-source", "queues-take-messages-from-own-topics"}


SNS = {"Service": "sns.amazonaws.com"}
OWN_TOPIC = {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:UserChanges-prod.fifo"}}


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Condition": OWN_TOPIC},
        {"Principal": {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}, "Condition": OWN_TOPIC},
        {"Principal": {"Service": "s3.amazonaws.com"}, "Condition": OWN_TOPIC},
        {"Principal": SNS, "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:Other"}}},
        {"Principal": SNS, "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}},
        {"Principal": SNS, "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}},
        {"Principal": SNS, "Condition": {"ArnEquals": {"aws:SourceArn": []}}},
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/Ops"}, "Action": ["sqs:ReceiveMessage", "sqs:Send*"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("resource", [("dead-letter-queue", types.QUEUE), ("failure-queue", types.QUEUE_POLICY)])
def test_a_queue_that_others_may_send_to_is_found(resource: tuple[str, str], statement: Mapping[str, Any]) -> None:
    document = allow(**{"Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:::q", **statement})
    name, type_token = resource
    resources = with_properties(name, type_token, {"policy": json.dumps(document)})

    assert "queues-take-messages-from-own-topics" in broken_rules(resources)


def test_a_queue_that_a_topic_of_the_stack_may_send_to_is_none_of_them() -> None:
    document = allow(Principal=SNS, Action="sqs:SendMessage", Resource="arn:aws:sqs:::q", Condition=OWN_TOPIC)

    assert broken_rules(with_properties("dead-letter-queue", types.QUEUE, {"policy": json.dumps(document)})) == set()


NAMED_SOURCES = [
    {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    {"StringLike": {"AWS:sourceaccount": [ACCOUNT]}},
    {"ArnLike": {"aws:SourceArn": f"arn:aws:lambda:*:{ACCOUNT}:function:*-prod"}},
    {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:Topic"}},
    {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::bucket"}},
    {"StringEquals": {"aws:SourceOrgID": "o-a1b2c3d4e5"}},
]
UNNAMED_SOURCES = [
    {},
    {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}},
    {"ForAllValues:StringEquals": {"aws:SourceAccount": ACCOUNT}},
    {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}},
    {"Null": {"aws:SourceAccount": "false"}},
    {"StringLike": {"aws:SourceAccount": "*"}},
    {"StringLike": {"aws:SourceAccount": [ACCOUNT, "????????????"]}},
    {"StringEquals": {"aws:SourceAccount": ""}},
    {"ArnLike": {"aws:SourceArn": "arn:aws:lambda:*:*:function:*"}},
    {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:*"}},
    {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}},
    {"ArnLike": {"aws:SourceArn": "*"}},
    {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}},
]


@pytest.mark.parametrize(
    ("condition", "broken"),
    [
        *((condition, set[str]()) for condition in NAMED_SOURCES),
        *((condition, {"services-act-for-a-named-source"}) for condition in UNNAMED_SOURCES),
    ],
)
@pytest.mark.parametrize("service", ["lambda.amazonaws.com", "scheduler.amazonaws.com", "apigateway.amazonaws.com"])
def test_a_role_that_a_service_assumes_for_any_account_is_found(
    service: str, condition: Mapping[str, Any], broken: set[str]
) -> None:
    trust = allow(Principal={"Service": service}, Action="sts:AssumeRole", Condition=condition)
    role = with_properties("register-user-role", types.ROLE, {"assumeRolePolicy": json.dumps(trust)})

    assert broken_rules(role) == broken


def test_one_statement_that_names_an_account_does_not_excuse_another() -> None:
    named = allow(Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole", Condition=NAMED_SOURCES[0])
    anybody = allow(Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole")
    trust = {**named, "Statement": [*named["Statement"], *anybody["Statement"]]}
    role = with_properties("register-user-role", types.ROLE, {"assumeRolePolicy": json.dumps(trust)})

    assert broken_rules(role) == {"services-act-for-a-named-source"}


RESCUE = ("rescue-failed-batches", types.FUNCTION)


def test_a_reserved_concurrency_of_minus_one_is_unbounded() -> None:
    unbounded = with_properties("failure-queue", types.EVENT_SOURCE_MAPPING, {"scalingConfig": None})

    assert "concurrency-is-bounded" in broken_rules(changed(unbounded, *RESCUE, {"reservedConcurrentExecutions": -1}))
    assert broken_rules(changed(unbounded, *RESCUE, {"reservedConcurrentExecutions": 5})) == set()


def test_a_bounded_mapping_does_not_bound_another_one() -> None:
    mapping = next(each for each in resources_of("prod") if each.name == "failure-queue" and "Mapping" in each.type)
    unbounded = {name: value for name, value in mapping.properties.items() if name != "scalingConfig"}

    assert "concurrency-is-bounded" in broken_rules(with_resource(types.EVENT_SOURCE_MAPPING, unbounded))


@pytest.mark.parametrize(
    "own", [{"throttlingRateLimit": 10_000, "throttlingBurstLimit": 5_000}, {"detailedMetricsEnabled": True}]
)
def test_a_route_s_throttling_may_not_exceed_the_stage_s(own: Mapping[str, Any]) -> None:
    settings = {"routeSettings": [{"routeKey": "POST /register", **own}]}

    assert broken_rules(with_properties("default", types.STAGE, settings)) == {"api-is-throttled"}


def test_a_disabled_mapping_is_found() -> None:
    resources = with_properties("users-stream", types.EVENT_SOURCE_MAPPING, {"enabled": False})

    assert broken_rules(resources) == {"stream-mapping-is-safe"}


def test_a_tag_of_another_environment_is_found() -> None:
    tags = {"project": "userstream", "environment": "dev", "managedBy": "pulumi"}
    resources = with_properties("users", types.TABLE, {"tags": tags, "deletionProtectionEnabled": False})
    exposed = [replace(each, protect=False) if each.name == "users" else each for each in resources]

    assert broken_rules(exposed) == {"resources-are-tagged", "production-is-protected"}


@pytest.mark.parametrize("policy", ["http-only", "match-viewer"])
def test_an_origin_fetched_over_http_is_found(policy: str) -> None:
    ports = {"httpPort": 80, "httpsPort": 443, "originSslProtocols": ["TLSv1.2"]}
    own = {"originProtocolPolicy": policy, **ports}
    origins = [{"originId": "bucket", "domainName": "pages.example.com", "customOriginConfig": own}]

    assert broken_rules(with_properties("website", types.DISTRIBUTION, {"origins": origins})) == {"pages-are-https"}


@pytest.mark.parametrize("protocols", [["SSLv3"], ["TLSv1", "TLSv1.2"], ["TLSv1.1", "TLSv1.2"]])
def test_an_origin_fetched_over_old_tls_is_found(protocols: list[str]) -> None:
    own = {"originProtocolPolicy": "https-only", "httpPort": 80, "httpsPort": 443, "originSslProtocols": protocols}
    origins = [{"originId": "bucket", "domainName": "pages.example.com", "customOriginConfig": own}]

    assert broken_rules(with_properties("website", types.DISTRIBUTION, {"origins": origins})) == {"pages-are-https"}


def test_a_topic_whose_policy_takes_plain_http_is_found() -> None:
    unpolicied = [
        each for each in resources_of("prod") if (each.name, each.type) != ("user-changes", types.TOPIC_POLICY)
    ]
    (policy,) = [
        each for each in resources_of("prod") if (each.name, each.type) == ("user-changes", types.TOPIC_POLICY)
    ]
    document = json.loads(policy.properties["policy"])
    document["Statement"][0]["Principal"] = {"AWS": ACCOUNT}

    assert broken_rules(unpolicied) == {"no-plain-http"}
    assert broken_rules(with_properties("user-changes", types.TOPIC_POLICY, {"policy": json.dumps(document)})) == {
        "no-plain-http"
    }


BUCKET_ARN = f"arn:aws:s3:::userstream-failures-prod-euw1-{ACCOUNT}"


@pytest.mark.parametrize(
    "narrower",
    [
        {"Action": "s3:GetObject"},
        {"Resource": BUCKET_ARN},
        {"Principal": {"AWS": ACCOUNT}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "false"}}},
    ],
    ids=lambda part: next(iter(part)),
)
def test_a_policy_that_refuses_only_some_plain_http_is_found(narrower: Mapping[str, Any]) -> None:
    whole = {
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [BUCKET_ARN, f"{BUCKET_ARN}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    for statement, rules in ((whole, set[str]()), ({**whole, **narrower}, {"no-plain-http"})):
        document = json.dumps({"Statement": [{"Sid": "Tls", "Effect": "Deny", **statement}]})
        resources = with_properties("failed-records", types.BUCKET_POLICY, {"policy": document})

        assert broken_rules(resources) == rules


@pytest.mark.parametrize(
    ("alarm", "properties"),
    [
        ("DeadLetterQueueDepth", {"metricName": "NumberOfMessagesDeleted"}),
        ("DeadLetterQueueDepth", {"comparisonOperator": "LessThanThreshold"}),
        ("LogUserChangesErrors", {"comparisonOperator": "LessThanOrEqualToThreshold"}),
    ],
)
def test_an_alarm_that_no_failure_fires_does_not_count(alarm: str, properties: Mapping[str, str]) -> None:
    assert broken_rules(with_properties(alarm, types.ALARM, properties)) == {"failures-raise-an-alarm"}


@pytest.mark.parametrize("token", ["aws-native:kms:Key", "command:local:Command", "pulumi-python:dynamic:Resource"])
def test_another_provider_s_type_must_be_reviewed_too(token: str) -> None:
    assert "types-are-reviewed" in broken_rules(with_resource(token, {}))
