"""One Lambda function with what belongs to it alone: its role, its policy and its log group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.components.policy import Statement, policy_document
from infra.environment import Environment
from infra.packaging.zip import FunctionPackage

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
"""Graviton: a fifth cheaper per millisecond than x86_64. Source: Lambda pricing."""


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
        reserved_concurrency: invocations at a time, taken out of the account's pool; None leaves it to the pool.
    """

    environment: Environment
    base_name: str
    description: str
    package: FunctionPackage
    memory_mb: pulumi.Input[int]
    timeout_seconds: int
    variables: Mapping[str, pulumi.Input[str]]
    statements: Sequence[Statement]
    reserved_concurrency: pulumi.Input[int] | None = None


class LambdaFunction(pulumi.ComponentResource):
    """A function whose role can do what its statements say, and nothing else.

    Attributes:
        base_name: its name without the environment.
        function_name: its name in the account.
        timeout_seconds: after which Lambda ends an invocation.
        function: the function itself.
        policy: the role's policy. Whatever calls AWS with the role while it is being created, as an event source
            mapping does, has to depend on the policy and not only on the role.
    """

    base_name: str
    function_name: str
    timeout_seconds: int
    log_group: aws.cloudwatch.LogGroup
    role: aws.iam.Role
    policy: aws.iam.RolePolicy
    function: aws.lambda_.Function

    def __init__(self, name: str, args: LambdaFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:LambdaFunction", name, None, opts)
        self._name = name
        self._args = args
        self.base_name = args.base_name
        self.timeout_seconds = args.timeout_seconds
        self.function_name = args.environment.physical_name(args.base_name)

        self._create_log_group()
        self._create_role()
        self._create_policy()
        self._create_function()
        self.register_outputs(
            {
                "functionName": self.function.name,
                "functionArn": self.function.arn,
                "roleArn": self.role.arn,
                "logGroupName": self.log_group.name,
            }
        )

    def _create_log_group(self) -> None:
        self.log_group = aws.cloudwatch.LogGroup(
            f"{self._name}-log",
            name=naming.function_log_group_name(self.function_name),
            retention_in_days=self._args.environment.log_retention_days,
            tags=self._args.environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_role(self) -> None:
        trust = Statement(
            sid="LambdaRunsAsThisRole",
            principal={"Service": "lambda.amazonaws.com"},
            actions=["sts:AssumeRole"],
            resources=[],
        )
        self.role = aws.iam.Role(
            f"{self._name}-role",
            name=self.function_name,
            description=f"What {self.function_name} may do",
            assume_role_policy=policy_document([trust]),
            tags=self._args.environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_policy(self) -> None:
        # Not logs:CreateLogGroup: the group exists already, and one that Lambda made would keep its log for ever.
        write_log = Statement(
            sid="WriteOwnLog",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[pulumi.Output.concat(self.log_group.arn, ":*")],
        )
        self.policy = aws.iam.RolePolicy(
            f"{self._name}-policy",
            name=self.function_name,
            role=self.role.name,
            policy=policy_document([write_log, *self._args.statements]),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_function(self) -> None:
        args = self._args
        self.function = aws.lambda_.Function(
            self._name,
            name=self.function_name,
            description=args.description,
            role=self.role.arn,
            runtime=RUNTIME,
            architectures=[ARCHITECTURE],
            handler=args.package.handler,
            code=pulumi.FileArchive(str(args.package.path)),
            source_code_hash=args.package.sha256_base64,
            memory_size=args.memory_mb,
            timeout=args.timeout_seconds,
            reserved_concurrent_executions=args.reserved_concurrency,
            environment=aws.lambda_.FunctionEnvironmentArgs(
                variables={"ENVIRONMENT": args.environment.name, **args.variables}
            ),
            tags=args.environment.tags,
            # The group first, or an early invocation has Lambda make one without retention; the policy first, or it
            # has no log at all.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.log_group, self.policy]),
        )
