"""The workflows' roles as docs/adopting.md makes them, with the real CLI and the state in a bucket.

Users have the roles' policies here, as the stand-in of AWS's plugin takes keys of two parts. The
roles themselves are assumed with tokens such as GitHub's.
"""

import base64
import json
import shutil
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from infra.naming import PROJECT_ROOT
from infra.recover.aws import Aws
from infra.recover.lookups import LOOKUPS, find
from infra.recover.state import PendingCreate, resources_of
from local.aws_clients import Clients
from local.deploy.registry import handler_for
from local.engine.workspace import Workspace
from local.root_keys import RootKeys
from tests.engine.conftest import REGION, emulator_account
from tests.support.engine.documented_commands import commands_of, typed
from tests.support.engine.engine_stack import EngineStack
from tests.support.stack import own_settings
from tests.support.stack.workflow_policies import ANYTHING, REPOSITORY

PAGE, SECTION = "adopting.md", "Deployment from GitHub"
BUCKET = "acme-pulumi-state"

SEEN_WITHOUT_NAME = [
    "cloudwatch:DeleteDashboards",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetDashboard",
    "cloudwatch:ListTagsForResource",
    "cloudwatch:PutDashboard",
    "dynamodb:ListTagsOfResource",
    "events:CreateArchive",
    "events:CreateEventBus",
    "events:DescribeArchive",
    "events:DescribeEventBus",
    "events:ListTagsForResource",
    "lambda:AddPermission",
    "lambda:CreateEventSourceMapping",
    "lambda:CreateFunction",
    "sns:ListTagsForResource",
    "sns:Subscribe",
]
"""Actions that the policies allow on named resources, and that the emulator checks on `*`, on
another resource, or without the condition key."""

OF_THE_STAND_IN = ["iam:ListRoleTags", "lambda:ListAliases", "lambda:ListEventSourceMappings"]
"""What AWS's plugin doesn't call, or the emulator takes for another action."""


@pytest.fixture(scope="module")
def own_account(account: Clients, tmp_path_factory: pytest.TempPathFactory) -> Generator[Clients]:
    """An account of this module's own, because the roles have fixed names."""
    assert account, "it skips without the CLI"
    with emulator_account(tmp_path_factory.mktemp("workflow-emulator")) as clients:
        yield clients


class Pipeline:
    """The account as the page's commands leave it."""

    def __init__(self, account: Clients, directory: Path) -> None:
        self.account = account
        self.directory = directory

    def typed(self, commands: str, environment: str = "dev", keys: RootKeys | None = None) -> str:
        """Run commands in a checkout's place, with the state of an environment."""
        workspace = Workspace(
            directory=self.directory, endpoint_url=self.account.endpoint_url, keys=keys or self.account.keys
        )
        variables = {
            "ACCOUNT_ID": self.account.account_id,
            "REGION": REGION,
            "STATE_BUCKET": BUCKET,
            "REPOSITORY": REPOSITORY,
            "PULUMI_BACKEND_URL": self.state(environment),
        }
        exported = "".join(f"export {name}='{value}'\n" for name, value in variables.items())
        # Pulumi's own keys protect the state here.
        return typed(
            EngineStack(workspace=workspace, name=environment), f"{exported}unset PULUMI_CONFIG_PASSPHRASE\n{commands}"
        )

    def state(self, environment: str) -> str:
        """Return the address of an environment's state in the emulator."""
        return f"s3://{BUCKET}-{environment}?{self.emulated}"

    @property
    def emulated(self) -> str:
        """What the address of a bucket needs to be the emulator's."""
        endpoint = quote(self.account.endpoint_url, safe="")
        return f"endpoint={endpoint}&disable_https=true&use_path_style=true&region={REGION}"

    def user_with(self, role: str, environment: str, *more: str) -> RootKeys:
        """Return the keys of a user who has a role's policies and these."""
        name = f"{role}-{environment}"
        attached = self.account.iam.list_attached_role_policies(RoleName=f"userstream-{name}")["AttachedPolicies"]
        self.account.iam.create_user(UserName=name)
        for policy in attached:
            self.account.iam.attach_user_policy(UserName=name, PolicyArn=str(policy.get("PolicyArn")))
        for number, document in enumerate(more):
            self.account.iam.put_user_policy(UserName=name, PolicyName=f"more-{number}", PolicyDocument=document)
        key = self.account.iam.create_access_key(UserName=name)["AccessKey"]
        return RootKeys(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture(scope="module")
def pipeline(own_account: Clients, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """An account with all that the page's commands make, and the dev stack deployed by its role."""
    pipeline = Pipeline(own_account, tmp_path_factory.mktemp("workflow"))
    for environment in ("dev", "prod"):
        folder = pipeline.directory / environment
        folder.mkdir(parents=True)
        shutil.copy(PROJECT_ROOT / "Pulumi.yaml", folder)
        for name in ("Pulumi.dev.yaml", "Pulumi.prod.yaml"):
            shutil.copy(own_settings.DIRECTORY / name, folder)
    pipeline.typed(commands_of(PAGE, SECTION, first="export REGION"))
    stacks = commands_of(PAGE, SECTION, first="for environment in dev prod; do")
    login = 'pulumi login "s3://$STATE_BUCKET-$environment"'
    assert login in stacks
    pipeline.typed(
        stacks.replace(login, f'export PULUMI_BACKEND_URL="s3://$STATE_BUCKET-$environment?{pipeline.emulated}"')
    )
    roles = commands_of(PAGE, SECTION, first="aws iam create-open-id-connect-provider")
    # The account's number and the repository are the reader's.
    own = [line for line in roles.splitlines() if not line.startswith(("export ", "gh "))]
    printed = pipeline.typed("\n".join(own).replace(".github/aws", f"{PROJECT_ROOT}/.github/aws"))
    for name in SUBJECTS:
        assert f"role/userstream-{name}\n" in printed
    return pipeline


def allow(*actions: str) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [*actions], "Resource": "*"}]}
    )


@pytest.fixture(scope="module")
def deployed(pipeline: Pipeline) -> Pipeline:
    """The dev stack, up by the policies of its role."""
    keys = pipeline.user_with("deploy", "dev", allow(*SEEN_WITHOUT_NAME, *OF_THE_STAND_IN))
    pipeline.typed(
        "pulumi config set userstream:requireTls false -s dev\npulumi up --yes --skip-preview --non-interactive -s dev",
        keys=keys,
    )
    return pipeline


def assume(account: Clients, role: str, **claims: str) -> Mapping[str, str]:
    """Exchange a token with these claims for a role's session; raise ClientError if refused.

    The emulator reads tokens without checking their signature, and the guard before it takes signed
    requests alone.
    """
    claims = {"iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com", **claims}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({}, claims)]
    parameters = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": f"arn:aws:iam::{account.account_id}:role/userstream-{role}",
        "RoleSessionName": "run",
        "WebIdentityToken": ".".join([*parts, "c2lnbmF0dXJl"]),
    }
    body = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest(method="POST", url=account.endpoint_url, data=body, headers=headers)
    SigV4Auth(Credentials(*account.keys), "sts", REGION).add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    if answer.status_code != 200:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": answer.text}}, "AssumeRoleWithWebIdentity")
    return {"answer": answer.text}


SUBJECTS = {
    "preview-dev": "dev-preview",
    "deploy-dev": "dev",
    "check-dev": "dev",
    "drift-dev": "dev-drift",
    "preview-prod": "prod-preview",
    "deploy-prod": "prod",
    "check-prod": "prod",
    "drift-prod": "prod-drift",
}


@pytest.mark.parametrize("role", SUBJECTS)
def test_a_role_is_assumed_from_its_own_environment_alone(role: str, pipeline: Pipeline) -> None:
    own = f"repo:{REPOSITORY}:environment:{SUBJECTS[role]}"
    assert assume(pipeline.account, role, sub=own)

    others = {f"repo:{REPOSITORY}:environment:{name}" for name in (*SUBJECTS.values(), "staging", "Dev")} - {own}
    for subject in (
        *sorted(others),
        f"repo:{REPOSITORY}:pull_request",
        f"repo:{REPOSITORY}:ref:refs/heads/main",
        f"repo:{REPOSITORY}:ref:refs/tags/v1.2.3",
        f"repo:acme@1001/another@3003:environment:{SUBJECTS[role]}",
        f"repo:mallory@6666/userstream@2002:environment:{SUBJECTS[role]}",
        f"{own}x",
    ):
        with pytest.raises(ClientError, match="Not authorized"):
            assume(pipeline.account, role, sub=subject)
    for claims in ({"aud": "https://github.com/acme"}, {"iss": "https://token.actions.example.com"}):
        with pytest.raises(ClientError, match="Not authorized"):
            assume(pipeline.account, role, sub=own, **claims)


def test_a_preview_shows_the_changes_and_reads_the_state_of_its_environment_alone(deployed: Pipeline) -> None:
    keys = deployed.user_with("preview", "dev", ANYTHING)
    change = "pulumi config set userstream:apiMemoryMb 1024 -s dev"
    changed = deployed.typed(f"{change}\npulumi preview --diff --non-interactive -s dev", keys=keys)
    # Two functions, and the alias that moves to the new version of each.
    assert "4 to update" in changed
    with pytest.raises(AssertionError, match="AccessDenied"):
        deployed.typed("pulumi preview --non-interactive -s prod", "prod", keys)
    with pytest.raises(AssertionError, match="AccessDenied"):
        deployed.typed("pulumi up --yes --skip-preview --non-interactive -s dev", keys=keys)

    clients = Clients(deployed.account.endpoint_url, REGION, *keys)
    reads: list[Any] = [
        lambda: clients.dynamodb.scan(TableName="Users-dev"),
        lambda: clients.dynamodb.describe_table(TableName="Users-dev"),
        lambda: clients.s3.get_object(Bucket=f"{BUCKET}-prod", Key=".pulumi/stacks/userstream/prod.json"),
        lambda: clients.s3.list_objects_v2(Bucket=f"{BUCKET}-prod"),
        lambda: clients.s3.put_object(Bucket=f"{BUCKET}-dev", Key=".pulumi/stacks/userstream/dev.json", Body=b"{}"),
        lambda: clients.logs.filter_log_events(logGroupName="/aws/lambda/ManageUsersFunction-dev"),
        lambda: clients.lambda_.get_function(FunctionName="ManageUsersFunction-dev"),
        lambda: clients.lambda_.invoke(FunctionName="ManageUsersFunction-dev"),
        lambda: clients.sts.assume_role(
            RoleArn=f"arn:aws:iam::{clients.account_id}:role/userstream-deploy-dev", RoleSessionName="any"
        ),
    ]
    for read in reads:
        with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
            read()


def test_a_deployment_finds_what_a_killed_one_created(deployed: Pipeline) -> None:
    key = deployed.account.iam.create_access_key(UserName="deploy-dev")["AccessKey"]
    keys = RootKeys(key["AccessKeyId"], key["SecretAccessKey"])
    exported: dict[str, Any] = json.loads(
        deployed.typed("pulumi stack export -s dev 2>/dev/null > state.json; cat state.json", keys=keys).partition(
            "+ cat state.json\n"
        )[2]
    )
    aws = Aws(
        endpoint_url=deployed.account.endpoint_url,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
    )
    looked_for = [each for each in resources_of(exported) if each["type"] in LOOKUPS]

    assert len({each["type"] for each in looked_for}) > 12
    for resource in looked_for:
        found = find(aws, PendingCreate(resource=resource, provider_region=REGION, known_ids=frozenset()))
        assert found is not None, resource["urn"]
        assert handler_for(resource["type"]).find_by_import(found.import_id)[0] == resource["id"]
    assert "nothing to recover" in deployed.typed(
        f"PYTHONPATH={PROJECT_ROOT} {sys.executable} -m infra.recover --stack dev", keys=keys
    )


def test_create_roles_renews_the_policies(pipeline: Pipeline) -> None:
    arn = f"arn:aws:iam::{pipeline.account.account_id}:policy/userstream-preview-state-prod"
    before = pipeline.account.iam.get_policy(PolicyArn=arn)["Policy"].get("DefaultVersionId")

    printed = pipeline.typed(f"{PROJECT_ROOT}/.github/aws/create-roles prod preview")

    assert "role/userstream-preview-prod\n" in printed
    assert "role/userstream-deploy-prod\n" not in printed
    (version,) = pipeline.account.iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert version.get("IsDefaultVersion")
    assert version.get("VersionId") != before
