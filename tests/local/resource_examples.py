"""An example of every kind of resource: inputs as the program gives them, and a change that is made in place."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from local.resources.clients import Clients
from local.resources.kind import Properties
from local.resources.registry import kind_of

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}},
        ],
    }
)
HANDLER = "def handler(event, context):\n    return {}\n"
TAGS = {"project": "userstream", "environment": "test"}


def statement(action: str, resource: str) -> str:
    """A resource's policy of one statement."""
    account = {"AWS": "arn:aws:iam::000000000000:root"}
    allowed = {"Effect": "Allow", "Action": action, "Resource": resource, "Principal": account}
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})


def identity_statement(action: str) -> str:
    """A role's policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})


@dataclass(frozen=True)
class Example:
    """Inputs of a resource, and the inputs that a change in place gives it; `None` takes one away."""

    inputs: Properties
    change: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def changed(self) -> Properties:
        both = {**self.inputs, **self.change}
        return {name: value for name, value in both.items() if value is not None}


class Surroundings:
    """What most resources need around them, made when first asked for."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._made: dict[str, Properties] = {}

    def get(self, pulumi_type: str) -> Properties:
        """The properties, id among them, of a resource of a type, apart from the one under test."""
        if pulumi_type not in self._made:
            inputs = dict(EXAMPLES[pulumi_type](self).inputs)
            for name in ("name", "bucket"):
                if name in inputs:
                    inputs[name] = f"{inputs[name]}-around"
            resource_id, properties = kind_of(pulumi_type).create(self._clients, inputs)
            self._made[pulumi_type] = {**properties, "id": resource_id}
        return self._made[pulumi_type]


ROLE = "aws:iam/role:Role"
FUNCTION = "aws:lambda/function:Function"
API = "aws:apigatewayv2/api:Api"
INTEGRATION = "aws:apigatewayv2/integration:Integration"
QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"
BUCKET = "aws:s3/bucket:Bucket"
TABLE = "aws:dynamodb/table:Table"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
OAC = "aws:cloudfront/originAccessControl:OriginAccessControl"


def _behavior(**more: str) -> dict[str, Any]:
    return {
        "targetOriginId": "site",
        "viewerProtocolPolicy": "redirect-to-https",
        "allowedMethods": ["GET", "HEAD"],
        "cachedMethods": ["GET", "HEAD"],
        "compress": True,
        "cachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        **more,
    }


EXAMPLES: Mapping[str, Callable[[Surroundings], Example]] = {
    API: lambda _: Example(
        {
            "name": "users",
            "protocolType": "HTTP",
            "description": "Users",
            "corsConfiguration": {
                "allowOrigins": ["https://a.example"],
                "allowMethods": ["GET", "POST"],
                "allowHeaders": ["content-type"],
                "exposeHeaders": ["etag"],
                "allowCredentials": False,
                "maxAge": 3600,
            },
            "tags": TAGS,
        },
        {
            "description": "Users, once more",
            "corsConfiguration": {"allowOrigins": ["https://b.example"], "allowMethods": ["GET"], "maxAge": 60},
            "tags": {"project": "another"},
        },
    ),
    INTEGRATION: lambda around: Example(
        {
            "apiId": around.get(API)["id"],
            "integrationType": "AWS_PROXY",
            "integrationUri": around.get(FUNCTION)["arn"],
            "integrationMethod": "POST",
            "payloadFormatVersion": "2.0",
        },
        {"description": "now with words", "timeoutMilliseconds": 5000},
    ),
    "aws:apigatewayv2/route:Route": lambda around: Example(
        {
            "apiId": around.get(API)["id"],
            "routeKey": "GET /users/{userId}",
            "authorizationType": "AWS_IAM",
            "target": f"integrations/{around.get(INTEGRATION)['id']}",
        },
        {"authorizationType": "NONE"},
    ),
    "aws:apigatewayv2/stage:Stage": lambda around: Example(
        {
            "apiId": around.get(API)["id"],
            "name": "$default",
            "autoDeploy": True,
            "defaultRouteSettings": {"throttlingRateLimit": 100, "throttlingBurstLimit": 200},
            "accessLogSettings": {
                "destinationArn": around.get(LOG_GROUP)["arn"],
                "format": '{"requestId":"$context.requestId"}',
            },
            "tags": TAGS,
        },
        {"defaultRouteSettings": {"throttlingRateLimit": 10, "throttlingBurstLimit": 20}, "tags": {"only": "this"}},
    ),
    "aws:cloudfront/distribution:Distribution": lambda around: Example(
        {
            "comment": "the page",
            "enabled": True,
            "defaultRootObject": "index.html",
            "httpVersion": "http2and3",
            "isIpv6Enabled": True,
            "priceClass": "PriceClass_100",
            "origins": [
                {
                    "originId": "site",
                    "domainName": around.get(BUCKET)["bucketRegionalDomainName"],
                    "originAccessControlId": around.get(OAC)["id"],
                }
            ],
            "defaultCacheBehavior": _behavior(),
            "orderedCacheBehaviors": [_behavior(pathPattern="/config.json")],
            "restrictions": {"geoRestriction": {"restrictionType": "none"}},
            "viewerCertificate": {"cloudfrontDefaultCertificate": True},
            "tags": TAGS,
        },
        {"comment": "the page, renamed", "priceClass": "PriceClass_All", "tags": {"only": "this"}},
    ),
    OAC: lambda _: Example(
        {
            "name": "site",
            "description": "signs",
            "originAccessControlOriginType": "s3",
            "signingBehavior": "always",
            "signingProtocol": "sigv4",
        },
        {"description": "signs everything"},
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": lambda _: Example(
        {
            "name": "headers",
            "securityHeadersConfig": {
                "contentSecurityPolicy": {"contentSecurityPolicy": "default-src 'none'", "override": True},
                "contentTypeOptions": {"override": True},
                "frameOptions": {"frameOption": "DENY", "override": True},
                "referrerPolicy": {"referrerPolicy": "no-referrer", "override": True},
                "strictTransportSecurity": {"accessControlMaxAgeSec": 600, "override": True},
            },
            "customHeadersConfig": {
                "items": [{"header": "Cross-Origin-Opener-Policy", "value": "same-origin", "override": True}]
            },
        },
        {"customHeadersConfig": {"items": [{"header": "X-Other", "value": "1", "override": True}]}},
    ),
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
    "aws:cloudwatch/metricAlarm:MetricAlarm": lambda around: Example(
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
            "alarmActions": [around.get(TOPIC)["arn"]],
            "okActions": [around.get(TOPIC)["arn"]],
            "tags": TAGS,
        },
        {"threshold": 5, "period": 300, "tags": {"only": "this"}},
    ),
    TABLE: lambda _: Example(
        {
            "name": "Users",
            "billingMode": "PAY_PER_REQUEST",
            "attributes": [{"name": "userId", "type": "S"}, {"name": "changeId", "type": "S"}],
            "hashKey": "userId",
            "rangeKey": "changeId",
            "streamEnabled": True,
            "streamViewType": "NEW_AND_OLD_IMAGES",
            "ttl": {"attributeName": "expiresAt", "enabled": True},
            "deletionProtectionEnabled": False,
            "pointInTimeRecovery": {"enabled": False},
            "tags": TAGS,
        },
        {
            "pointInTimeRecovery": {"enabled": True},
            "streamViewType": "KEYS_ONLY",
            "tags": {"only": "this"},
        },
    ),
    ROLE: lambda _: Example(
        {"name": "RegisterUserFunction", "description": "what it may do", "assumeRolePolicy": TRUST, "tags": TAGS},
        {"description": "what it may do now", "tags": {"only": "this"}},
    ),
    "aws:iam/rolePolicy:RolePolicy": lambda around: Example(
        {"name": "policy", "role": around.get(ROLE)["name"], "policy": identity_statement("dynamodb:PutItem")},
        {"policy": identity_statement("dynamodb:GetItem")},
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": lambda around: Example(
        {
            "role": around.get(ROLE)["name"],
            "policyArn": "arn:aws:iam::aws:policy/CloudWatchLambdaApplicationSignalsExecutionRolePolicy",
        }
    ),
    FUNCTION: lambda around: Example(
        {
            "name": "RegisterUserFunction",
            "description": "registers",
            "role": around.get(ROLE)["arn"],
            "runtime": "python3.13",
            "architectures": ["arm64"],
            "handler": "handler.handler",
            "code": pulumi.AssetArchive({"handler.py": pulumi.StringAsset(HANDLER)}),
            "memorySize": 256,
            "timeout": 10,
            "environment": {"variables": {"ENVIRONMENT": "test", "lowerCase": "stays"}},
            "tags": TAGS,
        },
        {
            "memorySize": 512,
            "reservedConcurrentExecutions": 5,
            "environment": {"variables": {"ENVIRONMENT": "other"}},
            "tags": {"only": "this"},
        },
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": lambda around: Example(
        {
            "functionName": around.get(FUNCTION)["name"],
            "maximumRetryAttempts": 0,
            "maximumEventAgeInSeconds": 60,
            "destinationConfig": {"onFailure": {"destination": around.get(QUEUE)["arn"]}},
        },
        {"maximumRetryAttempts": 1},
    ),
    "aws:lambda/permission:Permission": lambda around: Example(
        {
            "action": "lambda:InvokeFunction",
            "function": around.get(FUNCTION)["name"],
            "principal": "apigateway.amazonaws.com",
            "sourceArn": f"{around.get(API)['executionArn']}/*/POST/register",
        }
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": lambda around: Example(
        {
            "eventSourceArn": around.get(TABLE)["streamArn"],
            "functionName": around.get(FUNCTION)["arn"],
            "startingPosition": "TRIM_HORIZON",
            "batchSize": 100,
            "maximumBatchingWindowInSeconds": 1,
            "parallelizationFactor": 2,
            "maximumRetryAttempts": 3,
            "maximumRecordAgeInSeconds": 3600,
            "bisectBatchOnFunctionError": True,
            "functionResponseTypes": ["ReportBatchItemFailures"],
            "destinationConfig": {"onFailure": {"destinationArn": around.get(QUEUE)["arn"]}},
            "metricsConfig": {"metrics": ["EventCount"]},
            "tags": TAGS,
        },
        {"batchSize": 10, "maximumRetryAttempts": 0, "tags": {"only": "this"}},
    ),
    BUCKET: lambda _: Example(
        {"bucket": "userstream-example", "forceDestroy": True, "tags": TAGS}, {"tags": {"only": "this"}}
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": lambda around: Example(
        {
            "bucket": around.get(BUCKET)["bucket"],
            "rules": [{"id": "expire", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 15}}],
        },
        {"rules": [{"id": "expire", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 3}}]},
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": lambda around: Example(
        {
            "bucket": around.get(BUCKET)["bucket"],
            "key": "config.json",
            "content": "{}",
            "contentType": "application/json",
            "cacheControl": "no-store",
        },
        {"content": '{"environment": "test"}', "cacheControl": "no-cache"},
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": lambda around: Example(
        {"bucket": around.get(BUCKET)["bucket"], "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": lambda around: Example(
        {"bucket": around.get(BUCKET)["bucket"], "policy": statement("s3:GetObject", f"{around.get(BUCKET)['arn']}/*")},
        {"policy": statement("s3:PutObject", f"{around.get(BUCKET)['arn']}/*")},
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": lambda around: Example(
        {
            "bucket": around.get(BUCKET)["bucket"],
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        {"ignorePublicAcls": False},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": lambda around: Example(
        {
            "bucket": around.get(BUCKET)["bucket"],
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        },
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": lambda around: Example(
        {"bucket": around.get(BUCKET)["bucket"], "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
    ),
    TOPIC: lambda _: Example({"name": "alarms", "displayName": "Alarms", "tags": TAGS}, {"displayName": "All alarms"}),
    "aws:sns/topicPolicy:TopicPolicy": lambda around: Example(
        {"arn": around.get(TOPIC)["arn"], "policy": statement("sns:Publish", str(around.get(TOPIC)["arn"]))},
        {"policy": statement("sns:Subscribe", str(around.get(TOPIC)["arn"]))},
    ),
    "aws:sns/topicSubscription:TopicSubscription": lambda around: Example(
        {"topic": around.get(TOPIC)["arn"], "protocol": "email", "endpoint": "team@example.com"}
    ),
    QUEUE: lambda _: Example(
        {
            "name": "UserChangesFailureQueue",
            "messageRetentionSeconds": 1209600,
            "maxMessageSize": 1048576,
            "sqsManagedSseEnabled": True,
            "visibilityTimeoutSeconds": 360,
            "tags": TAGS,
        },
        {"messageRetentionSeconds": 86400, "visibilityTimeoutSeconds": None, "tags": {"only": "this"}},
    ),
    "aws:sqs/queuePolicy:QueuePolicy": lambda around: Example(
        {"queueUrl": around.get(QUEUE)["url"], "policy": statement("sqs:SendMessage", str(around.get(QUEUE)["arn"]))},
        {"policy": statement("sqs:ReceiveMessage", str(around.get(QUEUE)["arn"]))},
    ),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": lambda around: Example(
        {
            "queueUrl": around.get(QUEUE)["url"],
            "redriveAllowPolicy": json.dumps(
                {
                    "redrivePermission": "byQueue",
                    "sourceQueueArns": [around.get(QUEUE)["arn"]],
                }
            ),
        },
        {"redriveAllowPolicy": json.dumps({"redrivePermission": "denyAll"})},
    ),
    "aws:sqs/redrivePolicy:RedrivePolicy": lambda around: Example(
        {
            "queueUrl": around.get(QUEUE)["url"],
            "redrivePolicy": json.dumps(
                {
                    "deadLetterTargetArn": around.get(QUEUE)["arn"],
                    "maxReceiveCount": 5,
                }
            ),
        },
        {"redrivePolicy": json.dumps({"deadLetterTargetArn": around.get(QUEUE)["arn"], "maxReceiveCount": 3})},
    ),
}
"""By Pulumi type; each needs the surroundings."""
