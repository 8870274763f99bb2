"""The permissions that AWS's plugin of Pulumi needs, by type of resource.

They are those of the operations that its resources call to create, read, change and delete. Source:
the code of the Terraform provider in it, internal/service/ (pulumi_aws 7.51, provider 6), and what
API Gateway asks of who logs requests to an API (API Gateway developer guide, "Configure logging for
HTTP APIs"). A preview without `--refresh` calls none of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.support.stack.provider_answers import ACCOUNT_ID, REGION
from tests.support.stack.recorded_stack import RecordedResource


class Permission(NamedTuple):
    """An action on a resource, with the condition keys of the request."""

    action: str
    resource: str
    context: Mapping[str, Any]


class Needs(NamedTuple):
    """Actions of one service on what a template over the inputs names."""

    service: str
    actions: str
    resource: str
    context: Mapping[str, str] = {}


_HERE = f"{REGION}:{ACCOUNT_ID}"
_FUNCTION = f"arn:aws:lambda:{_HERE}:function:"
_LOG_GROUP = f"arn:aws:logs:{_HERE}:log-group:"
_BUCKET = "arn:aws:s3:::{bucket}"
_API = f"arn:aws:apigateway:{REGION}::"
_TAGS = "TagResource UntagResource"


def _api(path: str, *, tags: bool = False) -> list[Needs]:
    collection, _, _ = path.rpartition("/")
    needs = [
        Needs("apigateway", "POST", f"{_API}{collection}"),
        Needs("apigateway", "GET PATCH DELETE", f"{_API}{path}"),
    ]
    tagged = f"{_API}/tags/{_API}{path}"
    return [*needs, *([Needs("apigateway", "GET POST DELETE", tagged)] if tags else [])]


_QUEUE_ATTRIBUTES = [Needs("sqs", "GetQueueAttributes SetQueueAttributes", f"arn:aws:sqs:{_HERE}:{{queue}}")]

NEEDS: Mapping[str, list[Needs]] = {
    "aws:acm/certificate:Certificate": [
        Needs("acm", "RequestCertificate", "*", {"acm:ValidationMethod": "{validationMethod}"}),
        Needs(
            "acm",
            "DescribeCertificate DeleteCertificate ListTagsForCertificate AddTagsToCertificate "
            "RemoveTagsFromCertificate",
            "arn:aws:acm:{where}:certificate/id",
        ),
    ],
    "aws:acm/certificateValidation:CertificateValidation": [
        Needs("acm", "DescribeCertificate", "{certificateArn}"),
    ],
    "aws:apigatewayv2/api:Api": _api("/apis/id", tags=True),
    "aws:apigatewayv2/apiMapping:ApiMapping": _api("/domainnames/{domainName}/apimappings/id"),
    "aws:apigatewayv2/domainName:DomainName": [
        *_api("/domainnames/{domainName}", tags=True),
        Needs(
            "iam",
            "CreateServiceLinkedRole",
            f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway",
            {"iam:AWSServiceName": "ops.apigateway.amazonaws.com"},
        ),
    ],
    "aws:apigatewayv2/integration:Integration": _api("/apis/{apiId}/integrations/id"),
    "aws:apigatewayv2/route:Route": _api("/apis/{apiId}/routes/id"),
    "aws:apigatewayv2/stage:Stage": [
        *_api("/apis/{apiId}/stages/$default", tags=True),
        Needs(
            "logs",
            "CreateLogDelivery GetLogDelivery UpdateLogDelivery DeleteLogDelivery ListLogDeliveries PutResourcePolicy "
            "DescribeResourcePolicies",
            "*",
        ),
    ],
    "aws:cloudfront/distribution:Distribution": [
        Needs(
            "cloudfront",
            f"GetDistribution UpdateDistribution DeleteDistribution ListTagsForResource {_TAGS}",
            f"arn:aws:cloudfront::{ACCOUNT_ID}:distribution/id",
        ),
        Needs("cloudfront", "CreateDistribution", "*"),
    ],
    "aws:cloudfront/originAccessControl:OriginAccessControl": [
        Needs("cloudfront", "CreateOriginAccessControl", "*"),
        Needs(
            "cloudfront",
            "GetOriginAccessControl UpdateOriginAccessControl DeleteOriginAccessControl",
            f"arn:aws:cloudfront::{ACCOUNT_ID}:origin-access-control/id",
        ),
    ],
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": [
        Needs("cloudfront", "CreateResponseHeadersPolicy", "*"),
        Needs(
            "cloudfront",
            "GetResponseHeadersPolicy UpdateResponseHeadersPolicy DeleteResponseHeadersPolicy",
            f"arn:aws:cloudfront::{ACCOUNT_ID}:response-headers-policy/id",
        ),
    ],
    "aws:cloudwatch/dashboard:Dashboard": [
        Needs(
            "cloudwatch",
            "PutDashboard GetDashboard DeleteDashboards",
            f"arn:aws:cloudwatch::{ACCOUNT_ID}:dashboard/{{dashboardName}}",
        ),
    ],
    "aws:cloudwatch/eventArchive:EventArchive": [
        Needs(
            "events",
            "CreateArchive DescribeArchive UpdateArchive DeleteArchive",
            f"arn:aws:events:{_HERE}:archive/{{name}}",
        ),
        Needs("events", "CreateArchive", "{eventSourceArn}"),
    ],
    "aws:cloudwatch/eventBus:EventBus": [
        Needs(
            "events",
            f"CreateEventBus DescribeEventBus UpdateEventBus DeleteEventBus ListTagsForResource {_TAGS}",
            f"arn:aws:events:{_HERE}:event-bus/{{name}}",
        ),
    ],
    "aws:cloudwatch/logGroup:LogGroup": [
        Needs("logs", "DescribeLogGroups", f"{_LOG_GROUP}*"),
        *(
            Needs(
                "logs",
                f"CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy ListTagsForResource {_TAGS}",
                f"{_LOG_GROUP}{{name}}{end}",
            )
            for end in ("", ":*")
        ),
    ],
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": [
        Needs("logs", "PutMetricFilter DescribeMetricFilters DeleteMetricFilter", f"{_LOG_GROUP}{{logGroupName}}{end}")
        for end in ("", ":*")
    ],
    "aws:cloudwatch/metricAlarm:MetricAlarm": [
        Needs("cloudwatch", "DescribeAlarms", f"arn:aws:cloudwatch:{_HERE}:alarm:*"),
        Needs(
            "cloudwatch",
            f"PutMetricAlarm DeleteAlarms ListTagsForResource {_TAGS}",
            f"arn:aws:cloudwatch:{_HERE}:alarm:{{name}}",
        ),
    ],
    "aws:dynamodb/table:Table": [
        Needs(
            "dynamodb",
            "CreateTable DescribeTable UpdateTable DeleteTable DescribeContinuousBackups UpdateContinuousBackups "
            f"DescribeTimeToLive UpdateTimeToLive ListTagsOfResource {_TAGS}",
            f"arn:aws:dynamodb:{_HERE}:table/{{name}}",
        ),
    ],
    "aws:iam/role:Role": [
        Needs(
            "iam",
            "CreateRole GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole ListRolePolicies "
            "ListAttachedRolePolicies ListInstanceProfilesForRole TagRole UntagRole",
            f"arn:aws:iam::{ACCOUNT_ID}:role/{{name}}",
        ),
    ],
    "aws:iam/rolePolicy:RolePolicy": [
        Needs("iam", "PutRolePolicy GetRolePolicy DeleteRolePolicy", f"arn:aws:iam::{ACCOUNT_ID}:role/{{role}}"),
    ],
    "aws:lambda/alias:Alias": [
        Needs("lambda", "CreateAlias GetAlias UpdateAlias DeleteAlias", f"{_FUNCTION}{{functionName}}"),
    ],
    "aws:lambda/eventSourceMapping:EventSourceMapping": [
        Needs("lambda", "CreateEventSourceMapping", "*", {"lambda:FunctionArn": "{functionName}"}),
        Needs(
            "lambda",
            "GetEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping",
            f"arn:aws:lambda:{_HERE}:event-source-mapping:id",
            {"lambda:FunctionArn": "{functionName}"},
        ),
        Needs("lambda", f"ListTags {_TAGS}", f"arn:aws:lambda:{_HERE}:event-source-mapping:id"),
    ],
    "aws:lambda/function:Function": [
        Needs(
            "lambda",
            "CreateFunction GetFunction GetFunctionConfiguration GetFunctionCodeSigningConfig ListVersionsByFunction "
            "UpdateFunctionCode UpdateFunctionConfiguration PutFunctionConcurrency DeleteFunctionConcurrency "
            f"PublishVersion DeleteFunction {_TAGS}",
            f"{_FUNCTION}{{name}}",
        ),
        Needs("iam", "PassRole", "{role}", {"iam:PassedToService": "lambda.amazonaws.com"}),
    ],
    "aws:lambda/permission:Permission": [
        # IAM is asked about the function with its qualifier, where a call has one. Source: Lambda
        # developer guide, "Fine-tuning the Resources and Conditions sections of policies".
        *(
            need
            for function in (f"{_FUNCTION}{{function}}", f"{_FUNCTION}{{function}}:{{qualifier}}")
            for need in (
                Needs("lambda", "AddPermission", function, {"lambda:Principal": "{principal}"}),
                Needs("lambda", "GetPolicy RemovePermission", function),
            )
        ),
    ],
    "aws:route53/record:Record": [
        Needs(
            "route53",
            "ChangeResourceRecordSets ListResourceRecordSets GetHostedZone",
            "arn:aws:route53:::hostedzone/{zoneId}",
        ),
        Needs("route53", "GetChange", "arn:aws:route53:::change/id"),
    ],
    "aws:s3/bucket:Bucket": [
        Needs(
            "s3",
            "CreateBucket DeleteBucket ListBucket GetAccelerateConfiguration GetBucketAcl GetBucketCORS "
            "GetBucketLocation GetBucketLogging GetBucketObjectLockConfiguration GetBucketPolicy "
            "GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration "
            "GetLifecycleConfiguration GetReplicationConfiguration PutBucketTagging ListTagsForResource "
            f"{_TAGS} ListBucketVersions",
            _BUCKET,
        ),
        # What `force_destroy` empties it with.
        Needs("s3", "DeleteObject DeleteObjectVersion", f"{_BUCKET}/key"),
    ],
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": [
        Needs("s3", "GetLifecycleConfiguration PutLifecycleConfiguration", _BUCKET),
    ],
    "aws:s3/bucketObjectv2:BucketObjectv2": [
        Needs("s3", "PutObject GetObject GetObjectTagging DeleteObject DeleteObjectVersion", f"{_BUCKET}/{{key}}"),
        Needs("s3", "ListBucketVersions", _BUCKET),
    ],
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": [
        Needs("s3", "GetBucketOwnershipControls PutBucketOwnershipControls", _BUCKET),
    ],
    "aws:s3/bucketPolicy:BucketPolicy": [
        Needs("s3", "GetBucketPolicy PutBucketPolicy DeleteBucketPolicy", _BUCKET),
    ],
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": [
        Needs("s3", "GetBucketPublicAccessBlock PutBucketPublicAccessBlock", _BUCKET),
    ],
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": [
        Needs("s3", "GetEncryptionConfiguration PutEncryptionConfiguration", _BUCKET),
    ],
    "aws:s3/bucketVersioning:BucketVersioning": [Needs("s3", "GetBucketVersioning PutBucketVersioning", _BUCKET)],
    "aws:sns/topic:Topic": [
        Needs(
            "sns",
            f"CreateTopic GetTopicAttributes SetTopicAttributes DeleteTopic ListTagsForResource {_TAGS}",
            f"arn:aws:sns:{_HERE}:{{name}}",
        ),
    ],
    "aws:sns/topicPolicy:TopicPolicy": [Needs("sns", "GetTopicAttributes SetTopicAttributes", "{arn}")],
    "aws:sns/topicSubscription:TopicSubscription": [
        Needs("sns", "Subscribe", "{topic}", {"sns:Protocol": "{protocol}"}),
        Needs("sns", "GetSubscriptionAttributes SetSubscriptionAttributes Unsubscribe", "*"),
    ],
    "aws:sqs/queue:Queue": [
        Needs(
            "sqs",
            "CreateQueue GetQueueUrl GetQueueAttributes SetQueueAttributes DeleteQueue ListQueueTags TagQueue "
            "UntagQueue",
            f"arn:aws:sqs:{_HERE}:{{name}}",
        ),
    ],
    "aws:sqs/queuePolicy:QueuePolicy": _QUEUE_ATTRIBUTES,
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": _QUEUE_ATTRIBUTES,
    "aws:wafv2/webAcl:WebAcl": [
        Needs(
            "wafv2",
            f"CreateWebACL GetWebACL UpdateWebACL DeleteWebACL ListTagsForResource {_TAGS}",
            f"arn:aws:wafv2:us-east-1:{ACCOUNT_ID}:global/webacl/{{name}}/id",
        ),
    ],
}


def permissions(resource: RecordedResource) -> Iterator[Permission]:
    """Yield what the plugin needs for one resource.

    Raises:
        KeyError: its type isn't in the table yet.
    """
    values = {
        **resource.inputs,
        "queue": str(resource.inputs.get("queueUrl")).rpartition("/")[2],
        "where": f"{resource.inputs.get('region', REGION)}:{ACCOUNT_ID}",
    }
    for needs in NEEDS[resource.type]:
        context = {key: value.format_map(values) for key, value in needs.context.items()}
        for action in needs.actions.split():
            yield Permission(f"{needs.service}:{action}", needs.resource.format_map(values), context)
