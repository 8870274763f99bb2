"""Which kind stands for which Pulumi type."""

from collections.abc import Mapping

from local.deploy.resources import (
    api_gateway,
    cloudfront,
    cloudwatch,
    dynamodb,
    event_source_mappings,
    iam,
    lambda_functions,
    s3_bucket,
    s3_bucket_settings,
    s3_object,
    sns,
    sqs,
)
from local.deploy.resources.handler import ResourceHandler, UnsupportedTypeError

HANDLERS: Mapping[str, ResourceHandler] = {
    handler.pulumi_type: handler
    for handler in (
        api_gateway.Api(),
        api_gateway.Integration(),
        api_gateway.Route(),
        api_gateway.Stage(),
        cloudfront.Distribution(),
        cloudfront.OriginAccessControl(),
        cloudfront.ResponseHeadersPolicy(),
        cloudwatch.Dashboard(),
        cloudwatch.LogGroup(),
        cloudwatch.MetricAlarm(),
        dynamodb.Table(),
        event_source_mappings.EventSourceMapping(),
        iam.Role(),
        iam.RolePolicy(),
        iam.RolePolicyAttachment(),
        lambda_functions.Function(),
        lambda_functions.FunctionEventInvokeConfig(),
        lambda_functions.Permission(),
        s3_bucket.Bucket(),
        s3_bucket_settings.BucketLifecycle(),
        s3_object.BucketObject(),
        s3_bucket_settings.BucketOwnershipControls(),
        s3_bucket_settings.BucketPolicy(),
        s3_bucket_settings.BucketPublicAccessBlock(),
        s3_bucket_settings.BucketServerSideEncryption(),
        s3_bucket_settings.BucketVersioning(),
        sns.Topic(),
        sns.TopicPolicy(),
        sns.TopicSubscription(),
        sqs.Queue(),
        sqs.QueuePolicy(),
        sqs.RedriveAllowPolicy(),
        sqs.RedrivePolicy(),
    )
}
"""Every kind, by its Pulumi type."""


def handler_for(pulumi_type: str) -> ResourceHandler:
    """The kind that stands for a Pulumi type.

    Raises:
        UnsupportedTypeError: none does.
    """
    handler = HANDLERS.get(pulumi_type)
    if handler is None:
        raise UnsupportedTypeError(
            f"the local stack has no resource of type {pulumi_type}. Write a handler for it in "
            "local/deploy/resources/ and add it to registry.py, or leave the resource out by a setting of "
            "Pulumi.local.yaml"
        )
    return handler
