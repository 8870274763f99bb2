"""Examples of functions, permissions and monitoring."""

import json

import pulumi

from tests.support.local.resource_examples.example import (
    ALIAS,
    API,
    FUNCTION,
    LOG_GROUP,
    QUEUE,
    ROLE,
    TABLE,
    TAGS,
    TOPIC,
    Example,
    Examples,
)

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}},
            },
        ],
    }
)
HANDLER = "def handler(event, context):\n    return {}\n"


def identity_statement(action: str) -> str:
    """Return a role's policy with one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})


FUNCTIONS: Examples = {
    "aws:cloudwatch/dashboard:Dashboard": lambda _: Example(
        {"dashboardName": "users", "dashboardBody": json.dumps({"widgets": []})},
        {
            "dashboardBody": json.dumps(
                {"widgets": [{"type": "text", "width": 1, "height": 1, "properties": {"markdown": "x"}}]}
            )
        },
    ),
    LOG_GROUP: lambda _: Example(
        {"name": "/aws/lambda/example", "retentionInDays": 14, "tags": TAGS},
        {"retentionInDays": 30, "tags": {"a": "b"}},
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": lambda dependencies: Example(
        {
            "name": "ThrottledRequests",
            "logGroupName": dependencies.get(LOG_GROUP)["name"],
            "pattern": '{ $.status = "429" }',
            "metricTransformation": {"namespace": "users", "name": "Throttled", "value": "1", "defaultValue": "0"},
        },
        {"pattern": '{ $.status = "503" }', "metricTransformation": {"namespace": "u", "name": "Busy", "value": "1"}},
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": lambda dependencies: Example(
        {
            "name": "failures",
            "alarmDescription": "a pointer waits",
            "comparisonOperator": "GreaterThanOrEqualToThreshold",
            "evaluationPeriods": 1,
            "threshold": 1,
            "namespace": "AWS/SQS",
            "metricName": "ApproximateNumberOfMessagesVisible",
            "dimensions": {"QueueName": "UserChangesFailureQueue"},
            "period": 60,
            "statistic": "Maximum",
            "treatMissingData": "notBreaching",
            "alarmActions": [dependencies.get(TOPIC)["arn"]],
            "okActions": [dependencies.get(TOPIC)["arn"]],
            "tags": TAGS,
        },
        {"threshold": 5, "period": 300, "tags": {"only": "this"}},
    ),
    ROLE: lambda _: Example(
        {"name": "RegisterUserFunction", "description": "what it may do", "assumeRolePolicy": TRUST, "tags": TAGS},
        {"description": "what it may do now", "tags": {"only": "this"}},
    ),
    "aws:iam/rolePolicy:RolePolicy": lambda dependencies: Example(
        {"name": "policy", "role": dependencies.get(ROLE)["name"], "policy": identity_statement("dynamodb:PutItem")},
        {"policy": identity_statement("dynamodb:GetItem")},
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": lambda dependencies: Example(
        {
            "role": dependencies.get(ROLE)["name"],
            "policyArn": "arn:aws:iam::aws:policy/CloudWatchLambdaApplicationSignalsExecutionRolePolicy",
        }
    ),
    FUNCTION: lambda dependencies: Example(
        {
            "name": "RegisterUserFunction",
            "description": "registers",
            "role": dependencies.get(ROLE)["arn"],
            "runtime": "python3.14",
            "architectures": ["arm64"],
            "handler": "handler.handler",
            "code": pulumi.AssetArchive({"handler.py": pulumi.StringAsset(HANDLER)}),
            "memorySize": 256,
            "timeout": 10,
            "environment": {"variables": {"ENVIRONMENT": "test", "lowerCase": "stays"}},
            "publish": True,
            "tags": TAGS,
        },
        {
            "memorySize": 512,
            "reservedConcurrentExecutions": 5,
            "environment": {"variables": {"ENVIRONMENT": "other"}},
            "tags": {"only": "this"},
        },
    ),
    ALIAS: lambda dependencies: Example(
        {
            "name": "live",
            "functionName": dependencies.get(FUNCTION)["name"],
            "functionVersion": dependencies.get(FUNCTION)["version"],
        },
        {"description": "the version that answers", "functionVersion": "$LATEST"},
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": lambda dependencies: Example(
        {
            "functionName": dependencies.get(FUNCTION)["name"],
            "maximumRetryAttempts": 0,
            "maximumEventAgeInSeconds": 60,
            "destinationConfig": {"onFailure": {"destination": dependencies.get(QUEUE)["arn"]}},
        },
        {"maximumRetryAttempts": 1},
    ),
    "aws:lambda/permission:Permission": lambda dependencies: Example(
        {
            "action": "lambda:InvokeFunction",
            "function": dependencies.get(FUNCTION)["name"],
            "qualifier": dependencies.get(FUNCTION)["version"],
            "principal": "apigateway.amazonaws.com",
            "sourceArn": f"{dependencies.get(API)['executionArn']}/*/POST/register",
        }
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": lambda dependencies: Example(
        {
            "eventSourceArn": dependencies.get(TABLE)["streamArn"],
            "functionName": dependencies.get(FUNCTION)["arn"],
            "startingPosition": "TRIM_HORIZON",
            "batchSize": 100,
            "maximumBatchingWindowInSeconds": 1,
            "parallelizationFactor": 2,
            "maximumRetryAttempts": 3,
            "maximumRecordAgeInSeconds": 3600,
            "bisectBatchOnFunctionError": True,
            "functionResponseTypes": ["ReportBatchItemFailures"],
            "destinationConfig": {"onFailure": {"destinationArn": dependencies.get(QUEUE)["arn"]}},
            "metricsConfig": {"metrics": ["EventCount"]},
            "tags": TAGS,
        },
        {"batchSize": 10, "maximumRetryAttempts": 0, "tags": {"only": "this"}},
    ),
}
