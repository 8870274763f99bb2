"""One Lambda function with its role, its policy and its log group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.components.policy import policy_document
from infra.components.statement import Statement, allow
from infra.environment import Environment
from infra.naming import function_log_group
from infra.packaging import FunctionPackage

ARCHITECTURE = "arm64"
"""Graviton: a fifth cheaper per millisecond than x86_64. Source: Lambda pricing."""


_MOVED = ["description", "functionVersion", "routingConfig"]
"""What `python -m ops release shift` changes of an alias."""


@dataclass(frozen=True, kw_only=True)
class LambdaFunctionArgs:
    """What a function needs.

    Attributes:
        environment: where the function runs.
        base_name: its name without the environment, for example `RegisterUserFunction`.
        description: one sentence, shown in the console.
        package: the zip and the handler in it.
        memory_mb: memory in MB; the share of CPU grows with it.
        timeout_seconds: after which Lambda ends an invocation.
        variables: environment variables.
        statements: what the function may do, besides writing its own log.
        reserved_concurrency: concurrent invocations, taken out of the account's pool; None leaves
            the function to the pool.
    """

    environment: Environment
    base_name: str
    description: str
    package: FunctionPackage
    memory_mb: int
    timeout_seconds: int
    variables: Mapping[str, pulumi.Input[str]]
    statements: Sequence[Statement]
    reserved_concurrency: int | None = None


class LambdaFunction(pulumi.ComponentResource):
    """A function whose role allows what its statements say, and nothing else.

    Attributes:
        base_name: its name without the environment.
        function_name: its name in the account.
        timeout_seconds: after which Lambda ends an invocation.
        function: the function itself. Each change of its code or configuration is a version.
        alias: what invokes the function names the alias, which says which version answers.
        policy: the role's policy. What calls AWS with the role while it is being created, such as
            an event source mapping, has to depend on the policy and not only on the role.
    """

    def __init__(self, name: str, args: LambdaFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:LambdaFunction", name, None, opts)
        environment = args.environment
        function_name = environment.physical_name(args.base_name)
        self.base_name = args.base_name
        self.function_name = function_name
        self.timeout_seconds = args.timeout_seconds

        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=function_log_group(function_name),
            retention_in_days=environment.settings.log_retention_days,
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # The account alone: the ARN that Lambda sends when it polls for a mapping isn't documented.
        # Source: Lambda developer guide, "Working with AWS managed policies in the execution role".
        trust = allow(
            "LambdaRunsAsThisRole",
            ["sts:AssumeRole"],
            service="lambda.amazonaws.com",
            condition={"StringEquals": {"aws:SourceAccount": environment.account_id}},
        )
        role = aws.iam.Role(
            f"{name}-role",
            name=environment.global_name(args.base_name),
            description=f"What {function_name} may do",
            assume_role_policy=policy_document([trust]),
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["name"]),
        )
        # Without logs:CreateLogGroup: the group exists, and one that Lambda makes never expires.
        write_log = allow(
            "WriteOwnLog",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [pulumi.Output.concat(log_group.arn, ":*")],
        )
        # Lambda itself writes the traces, with the function's role; IAM knows no resource for them.
        # Source: Lambda developer guide, "Visualize Lambda function invocations using AWS X-Ray".
        tracing = environment.settings.tracing
        send_traces = allow("SendTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"])
        self.policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name=function_name,
            role=role.name,
            policy=policy_document([write_log, *([send_traces] if tracing else []), *args.statements]),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.function = aws.lambda_.Function(
            name,
            name=function_name,
            description=args.description,
            role=role.arn,
            runtime=args.package.runtime,
            architectures=[ARCHITECTURE],
            handler=args.package.handler,
            code=pulumi.FileArchive(str(args.package.path)),
            source_code_hash=args.package.sha256_base64,
            memory_size=args.memory_mb,
            timeout=args.timeout_seconds,
            reserved_concurrent_executions=args.reserved_concurrency,
            # Stated when it is off too: for a function without it the provider keeps the last mode.
            tracing_config={"mode": "Active" if tracing else "PassThrough"},
            environment={"variables": {"ENVIRONMENT": environment.name, **args.variables}},
            publish=True,
            tags=environment.tags,
            # Without the group, an early invocation makes Lambda create one that never expires;
            # without the policy, that invocation writes no log at all.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[log_group, self.policy]),
        )
        self.alias = aws.lambda_.Alias(
            f"{name}-{naming.LIVE_ALIAS}",
            name=naming.LIVE_ALIAS,
            function_name=self.function.name,
            function_version=self.function.version,
            opts=pulumi.ResourceOptions(
                parent=self, ignore_changes=_MOVED if environment.settings.shifts_traffic else []
            ),
        )
        self.register_outputs(
            {
                "functionName": self.function.name,
                "functionArn": self.function.arn,
                "aliasArn": self.alias.arn,
                "roleArn": role.arn,
                "logGroupName": log_group.name,
            }
        )
