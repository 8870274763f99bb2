"""The roles of the workflows: who may assume them, what they may do, and that it isn't data."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from botocore.session import Session

from ops.aws.check_traces import NOTED_BY
from tests.support.iam.policy_lint import policy_problems
from tests.support.stack.own_settings import own_config
from tests.support.stack.provider_answers import ACCOUNT_ID, REGION
from tests.support.stack.provider_calls import Permission, permissions
from tests.support.stack.recorded_stack import record
from tests.support.stack.workflow_policies import (
    ANYTHING,
    FOLDER,
    HOSTED_ZONE_ID,
    REPOSITORY,
    STATE_BUCKET,
    decision,
    policies,
    state_key_arn,
    statements,
    trust_policy,
)

ENVIRONMENTS = ["dev", "prod"]
ROLES = ["preview", "deploy"]
EVERY_ROLE = [*ROLES, "check", "drift"]
EVERY_SETTING = {
    "userstream:websiteEnabled": "true",
    "userstream:apiDomain": "api.example.com",
    "userstream:apiHostedZoneId": HOSTED_ZONE_ID,
    "userstream:websiteDomain": "www.example.com",
    "userstream:websiteHostedZoneId": HOSTED_ZONE_ID,
    "userstream:registerThrottleRatePerSecond": "5",
    "userstream:registerThrottleBurst": "10",
    "userstream:registrationsPerClient": "100",
    "userstream:alarmEmail": "operators@example.com",
    "userstream:tableWarmWriteUnits": "8000",
    "userstream:tableMaximumWriteUnits": "9000",
    "userstream:trafficShiftPercent": "10",
    "userstream:trafficShiftMinutes": "5",
    "userstream:userEventsEnabled": "true",
    "userstream:registrationAnswers": "neutral",
    "userstream:mailSender": "users@example.com",
}
LOOK_UPS = {
    "acm:ListCertificates",
    "cloudfront:ListDistributions",
    "cloudfront:ListOriginAccessControls",
    "cloudfront:ListResponseHeadersPolicies",
    "lambda:ListEventSourceMappings",
    "sns:ListSubscriptionsByTopic",
    "wafv2:ListWebACLs",
}
"""What `python -m infra.recover` asks beyond what Pulumi does."""

MANAGED_POLICY_CHARACTERS = 6_144
"""Without white space. Source: IAM user guide, "IAM and AWS STS quotas"."""

BY_ID = re.compile(
    r"\*|arn:aws:(apigateway|acm|route53):.*|arn:aws:cloudfront:.*/id|.*:event-source-mapping:id"
    r"|.*:alarm:\*|.*:log-group:\*|.*:role/aws-service-role/.*"
)
"""What AWS gives an id and no name, so that a policy can't tell whose it is."""


@cache
def needed(environment: str) -> list[Permission]:
    """Return what Pulumi needs for an environment with every optional resource."""
    stack = record(environment, config=own_config(environment) | EVERY_SETTING)
    resources = [each for each in stack.resources if each.type.startswith("aws:")]
    return [permission for resource in resources for permission in permissions(resource)]


def state_permissions(environment: str, *actions: str) -> list[tuple[str, str]]:
    bucket = f"arn:aws:s3:::{STATE_BUCKET}-{environment}"
    files = [f"{bucket}/.pulumi/meta.yaml", f"{bucket}/.pulumi/stacks/userstream/{environment}.json"]
    return [
        ("s3:ListBucket", bucket),
        ("kms:Decrypt", state_key_arn(environment)),
        *((action, file) for action in actions for file in files),
    ]


@pytest.mark.parametrize("role", EVERY_ROLE)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_one_environment_of_this_repository_assumes_a_role(environment: str, role: str) -> None:
    github_environment = f"{environment}-{role}" if role in {"preview", "drift"} else environment
    (statement,) = json.loads(trust_policy(role, environment))["Statement"]

    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {
        "Federated": f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/token.actions.githubusercontent.com"
    }
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": f"repo:{REPOSITORY}:environment:{github_environment}",
        }
    }


@pytest.mark.parametrize("role", EVERY_ROLE)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_role_s_policies_fit(environment: str, role: str) -> None:
    lengths = {name: len(re.sub(r"\s", "", text)) for name, text in policies(role, environment).items()}

    assert lengths
    assert max(lengths.values()) <= MANAGED_POLICY_CHARACTERS
    assert not [name for name, text in policies(role, environment).items() if re.search(r"[A-Z]+_[A-Z_]+", text)]


@pytest.mark.parametrize("role", EVERY_ROLE)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_policy_passes_the_linter(environment: str, role: str) -> None:
    documents = {"trust": trust_policy(role, environment), **policies(role, environment)}
    found = {name: policy_problems(document) for name, document in documents.items()}

    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_deployment_may_do_what_pulumi_does_to_each_of_its_resources(environment: str) -> None:
    documents = [*policies("deploy", environment).values()]

    refused = [each for each in needed(environment) if decision(documents, *each) != "Allow"]

    assert refused == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_deployment_may_keep_and_delete_an_access_log_from_before_its_name_changed(environment: str) -> None:
    documents = [*policies("deploy", environment).values()]
    (group,) = (
        each for each in record(environment).of_type("aws:cloudwatch/logGroup:LogGroup") if each.name == "access-log"
    )
    before = replace(group, inputs={**group.inputs, "name": f"/aws/apigateway/userstream-{environment}"})

    assert [each for each in permissions(before) if decision(documents, *each) != "Allow"] == []


def test_a_deployment_may_do_nothing_that_pulumi_does_not() -> None:
    allowed = {
        action
        for statement in statements(policies("deploy", "prod").values())
        for action in statement["Action"]
        if statement["Effect"] == "Allow"
    }

    state = {action for action, _ in state_permissions("prod", "s3:GetObject", "s3:PutObject", "s3:DeleteObject")}
    assert allowed - state - LOOK_UPS == {each.action for each in needed("prod")} - state - LOOK_UPS
    assert allowed >= LOOK_UPS


def test_looking_for_what_a_killed_up_created_needs_no_more_than_a_list() -> None:
    (document,) = (text for name, text in policies("deploy", "prod").items() if name == "deploy-recover.json")

    assert {action for each in statements([document]) for action in each["Action"]} == LOOK_UPS


@pytest.mark.parametrize(("environment", "other"), [("dev", "prod"), ("prod", "dev")])
def test_a_deployment_may_touch_nothing_of_the_other_environment_that_has_a_name(environment: str, other: str) -> None:
    documents = [*policies("deploy", environment).values()]

    named = [each for each in needed(other) if not BY_ID.fullmatch(each.resource)]
    assert {each.resource.split(":")[2] for each in named} >= {"dynamodb", "lambda", "s3", "sqs", "sns", "iam", "logs"}
    assert [each for each in named if decision(documents, *each) == "Allow"] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_deployment_keeps_its_state_and_reads_no_other(environment: str) -> None:
    documents = [*policies("deploy", environment).values()]
    actions = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")

    for each in ENVIRONMENTS:
        for action, resource in state_permissions(each, *actions):
            assert (decision(documents, action, resource) == "Allow") is (each == environment), (action, resource)


@pytest.mark.parametrize("attached", [[], [ANYTHING]], ids=["alone", "with-everything"])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_preview_reads_its_environment_s_state_and_no_other(environment: str, attached: list[str]) -> None:
    documents = [*policies("preview", environment).values(), *attached]

    for each in ENVIRONMENTS:
        for action, resource in state_permissions(each, "s3:GetObject"):
            assert (decision(documents, action, resource) == "Allow") is (each == environment), (action, resource)


PREVIEW_CALLS = {"s3:GetObject", "s3:ListBucket", "kms:Decrypt", "sts:GetCallerIdentity"}
SERVICES = "backup cloudtrail dynamodb dynamodbstreams events iam kms lambda logs s3 secretsmanager sns sqs ssm sts"


@pytest.mark.parametrize("service", SERVICES.split())
def test_a_preview_may_call_nothing_else_whatever_is_attached_to_its_role(service: str) -> None:
    documents = [*policies("preview", "dev").values(), ANYTHING]
    model = Session().get_service_model(service)
    actions = {f"{model.signing_name}:{name}" for name in model.operation_names} - PREVIEW_CALLS
    resources = ["*", f"arn:aws:s3:::{STATE_BUCKET}-dev/.pulumi/stacks/userstream/dev.json", state_key_arn("dev")]

    assert actions
    assert [each for each in actions if any(decision(documents, each, named) != "Deny" for named in resources)] == []


TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/Users-"
FAILURES = f"arn:aws:s3:::userstream-failures-{{}}-euw1-{ACCOUNT_ID}/2026/01/01/record.json"
LOG = f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/aws/lambda/ManageUsersFunction-"
DATA = [
    *(
        (f"dynamodb:{action}", TABLE + "{}")
        for action in (
            "GetItem",
            "BatchGetItem",
            "Query",
            "Scan",
            "PartiQLSelect",
            "PartiQLInsert",
            "PartiQLUpdate",
            "PartiQLDelete",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "BatchWriteItem",
            "ConditionCheckItem",
            "ExportTableToPointInTime",
        )
    ),
    *(
        (f"dynamodb:{action}", TABLE + "{}/stream/2026-01-01T00:00:00.000")
        for action in ("GetRecords", "GetShardIterator")
    ),
    ("s3:GetObject", FAILURES),
    ("s3:GetObjectVersion", FAILURES),
    ("s3:GetObject", "arn:aws:s3:::somebody-elses-bucket/key"),
    ("sqs:ReceiveMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:UserChangesDeadLetterQueue-{{}}"),
    *(
        (f"logs:{action}", LOG + "{}:*")
        for action in (
            "GetLogEvents",
            "FilterLogEvents",
            "StartQuery",
            "GetQueryResults",
            "GetLogRecord",
            "StartLiveTail",
            "Unmask",
            "CreateExportTask",
            "PutSubscriptionFilter",
        )
    ),
    ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:ManageUsersFunction-{{}}"),
    ("lambda:InvokeFunctionUrl", f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:ManageUsersFunction-{{}}"),
    ("execute-api:Invoke", f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:id/*/GET/users"),
    ("events:StartReplay", f"arn:aws:events:{REGION}:{ACCOUNT_ID}:replay/any"),
    ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/another"),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:any"),
    ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:parameter/any"),
    ("ssm:GetParametersByPath", f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:parameter/any"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT_ID}:role/ManageUsersFunction-{{}}-{REGION}"),
    ("sts:AssumeRole", "arn:aws:iam::999999999999:role/another"),
]


@pytest.mark.parametrize(("action", "resource"), DATA)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_role_reads_data_whatever_is_attached_to_it(environment: str, role: str, action: str, resource: str) -> None:
    documents = [*policies(role, environment).values()]

    for each in ENVIRONMENTS:
        assert decision(documents, action, resource.format(each)) == "Deny"
        assert decision([*documents, ANYTHING], action, resource.format(each)) == "Deny"


def test_a_deployment_passes_roles_to_lambda_alone() -> None:
    documents = [*policies("deploy", "dev").values()]
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/RegisterUserFunction-dev-{REGION}"

    for service, expected in [("lambda", "Allow"), ("ec2", "ImplicitDeny"), ("cloudformation", "ImplicitDeny")]:
        context = {"iam:PassedToService": f"{service}.amazonaws.com"}
        assert decision(documents, "iam:PassRole", role, context) == expected


def test_a_deployment_changes_no_role_of_the_workflows() -> None:
    documents = [*policies("deploy", "dev").values()]

    for role in ("userstream-deploy-dev", "userstream-preview-prod", "Admin"):
        for action in ("iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:PassRole", "iam:TagRole"):
            assert decision(documents, action, f"arn:aws:iam::{ACCOUNT_ID}:role/{role}") == "ImplicitDeny"


READS = re.compile(r"[a-z0-9-]+:(Get|List|Describe)|apigateway:GET|kms:Decrypt")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_look_for_drift_reads_what_a_deployment_reads_and_changes_nothing(environment: str) -> None:
    drift = [*policies("drift", environment).values()]
    reads = [each for each in needed(environment) if READS.match(each.action)]

    assert {each.action for each in reads} > {"dynamodb:DescribeTable", "lambda:GetFunction", "iam:GetRolePolicy"}
    assert [each for each in reads if decision(drift, *each) != "Allow"] == []
    actions = {action for each in statements(drift) for action in each["Action"]}
    assert [action for action in actions if not READS.match(action)] == []
    assert [each for each in needed(environment) if each not in reads and decision(drift, *each) == "Allow"] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_look_for_drift_reads_the_state_and_no_data(environment: str) -> None:
    drift = [*policies("drift", environment).values()]

    for each in ENVIRONMENTS:
        for action, resource in state_permissions(each, "s3:GetObject"):
            assert (decision(drift, action, resource) == "Allow") is (each == environment), (action, resource)
        for action, resource in state_permissions(each, "s3:PutObject", "s3:DeleteObject")[2:]:
            assert decision(drift, action, resource) == "ImplicitDeny"
        for action, resource in DATA:
            assert decision(drift, action, resource.format(each)) == "ImplicitDeny", action


def test_a_check_writes_its_note_into_the_history_and_nothing_else() -> None:
    documents = [*policies("check", "dev").values()]
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/Activity-"

    for environment, user, expected in [
        ("dev", NOTED_BY, "Allow"),
        ("dev", "somebody", "ImplicitDeny"),
        ("prod", NOTED_BY, "ImplicitDeny"),
    ]:
        context = {"dynamodb:LeadingKeys": [user]}
        assert decision(documents, "dynamodb:PutItem", table + environment, context) == expected
    for name in ("Users-dev", "UserKeys-dev", "Activity-prod"):
        for action in ("GetItem", "Query", "Scan", "DeleteItem", "UpdateItem"):
            arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{name}"
            assert decision(documents, f"dynamodb:{action}", arn) == "ImplicitDeny"


@pytest.fixture
def roles_of_pull_requests(tmp_path: Path) -> dict[str, list[str]]:
    """The documents that `create-roles pr deploy check` gives IAM, by the command's operation."""
    told = tmp_path / "told"
    aws = tmp_path / "aws"
    aws.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        "operation = sys.argv[2]\n"
        "if operation.startswith('get-'): sys.exit(1)\n"
        "if operation == 'describe-key': print('key-of-pr')\n"
        f"with open({str(told)!r}, 'a') as file:\n"
        "    for word in sys.argv:\n"
        "        if word.startswith('{'): file.write(json.dumps([operation, word]) + '\\n')\n",
        encoding="utf-8",
    )
    aws.chmod(0o755)
    variables = {"ACCOUNT_ID": ACCOUNT_ID, "REGION": REGION, "STATE_BUCKET": STATE_BUCKET, "REPOSITORY": REPOSITORY}
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    subprocess.run([FOLDER / "create-roles", "pr", "deploy", "check"], env={**variables, "PATH": path}, check=True)
    found: dict[str, list[str]] = {}
    for line in map(json.loads, told.read_text(encoding="utf-8").splitlines()):
        found.setdefault(line[0], []).append(line[1])
    return found


def test_pull_requests_stacks_have_one_role_and_one_state(roles_of_pull_requests: dict[str, list[str]]) -> None:
    documents = roles_of_pull_requests["create-policy"]
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/Users-"

    for environment, expected in [("pr-7", "Allow"), ("pr-1234", "Allow"), ("prod", "ImplicitDeny")]:
        assert decision(documents, "dynamodb:DeleteTable", table + environment) == expected
        assert decision(documents, "dynamodb:GetItem", table + environment) == "Deny"
    for environment, expected in [("pr", "Allow"), ("prod", "ImplicitDeny"), ("pr-7", "ImplicitDeny")]:
        arn = f"arn:aws:s3:::{STATE_BUCKET}-{environment}/.pulumi/meta.yaml"
        assert decision(documents, "s3:PutObject", arn) == expected
    trusted = [
        json.loads(text)["Statement"][0]["Condition"]["StringEquals"] for text in roles_of_pull_requests["create-role"]
    ]
    subjects = [each["token.actions.githubusercontent.com:sub"] for each in trusted]
    own = f"repo:{REPOSITORY}:environment:pr"
    assert subjects == [[own, f"{own}-sweep"], own]


def test_every_policy_belongs_to_a_role() -> None:
    files = {path.name for path in FOLDER.glob("*.json")}

    assert files == {"trust-deploy-pr.json"} | {f"trust-{role}.json" for role in EVERY_ROLE} | {
        name for role in EVERY_ROLE for name in policies(role, "dev")
    }
