"""The properties that AWS adds to a resource: ARNs, ids and addresses in AWS's own forms."""

from collections.abc import Mapping
from typing import Any

ACCOUNT_ID = "123456789012"
REGION = "eu-west-1"
PARTITION = "aws"


def computed_properties(type_token: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a resource that AWS assigns.

    Args:
        type_token: its Pulumi type.
        name: its name in the program, part of made-up ids.
        inputs: its inputs.

    Returns:
        Property name to value; {} for a type whose outputs no test needs.
    """
    make = _COMPUTED.get(type_token)
    return {} if make is None else make(name, inputs)


def _arn(service: str, resource: str) -> str:
    return f"arn:{PARTITION}:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


def _table(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    arn = _arn("dynamodb", f"table/{inputs['name']}")
    return {"arn": arn, "streamArn": f"{arn}/stream/2026-01-01T00:00:00.000" if inputs.get("streamEnabled") else ""}


def _queue(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "arn": _arn("sqs", inputs["name"]),
        "url": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/{inputs['name']}",
    }


def _event_bus(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"arn": _arn("events", f"event-bus/{inputs['name']}")}


def _event_rule(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"arn": _arn("events", f"rule/{inputs['eventBusName']}/{inputs['name']}")}


def _function(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    version = {"version": "1"} if inputs.get("publish") else {}
    return {"arn": _arn("lambda", f"function:{inputs['name']}"), **version}


def _alias(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"arn": _arn("lambda", f"function:{inputs['functionName']}:{inputs['name']}")}


def _mapping(name: str, _: Mapping[str, Any]) -> dict[str, Any]:
    return {"uuid": f"{name}-id"}


def _role(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{inputs['name']}"}


def _log_group(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"arn": _arn("logs", f"log-group:{inputs['name']}")}


def _bucket(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    bucket = inputs["bucket"]
    return {
        "arn": f"arn:aws:s3:::{bucket}",
        "bucketRegionalDomainName": f"{bucket}.s3.{REGION}.amazonaws.com",
    }


def _api(name: str, _: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiEndpoint": f"https://{name}-id.execute-api.{REGION}.amazonaws.com",
        "executionArn": _arn("execute-api", f"{name}-id"),
    }


def _topic(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"arn": _arn("sns", inputs["name"])}


def _alarm(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"arn": _arn("cloudwatch", f"alarm:{inputs['name']}")}


def _distribution(name: str, _: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "arn": f"arn:aws:cloudfront::{ACCOUNT_ID}:distribution/{name}-id",
        "domainName": f"{name}.cloudfront.net",
        "hostedZoneId": "Z2FDTNDATAQYW2",
    }


def _certificate(name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    domain = inputs["domainName"]
    option = {
        "domainName": domain,
        "resourceRecordName": f"_validation.{domain}.",
        "resourceRecordType": "CNAME",
        "resourceRecordValue": f"_{name}.acm-validations.aws.",
    }
    arn = f"arn:aws:acm:{inputs.get('region', REGION)}:{ACCOUNT_ID}:certificate/{name}-id"
    return {"arn": arn, "domainValidationOptions": [option]}


def _record(_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"fqdn": inputs["name"].removesuffix(".")}


def _domain_name(name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    target = f"d-{name}.execute-api.{REGION}.amazonaws.com"
    given = {**inputs["domainNameConfiguration"], "targetDomainName": target, "hostedZoneId": "ZAPIGATEWAY"}
    return {"domainNameConfiguration": given}


def _web_acl(name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"arn": f"arn:aws:wafv2:us-east-1:{ACCOUNT_ID}:global/webacl/{inputs['name']}/{name}-id"}


_COMPUTED = {
    "aws:acm/certificate:Certificate": _certificate,
    "aws:apigatewayv2/domainName:DomainName": _domain_name,
    "aws:route53/record:Record": _record,
    "aws:wafv2/webAcl:WebAcl": _web_acl,
    "aws:apigatewayv2/api:Api": _api,
    "aws:cloudfront/distribution:Distribution": _distribution,
    "aws:cloudwatch/eventBus:EventBus": _event_bus,
    "aws:cloudwatch/eventRule:EventRule": _event_rule,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:dynamodb/table:Table": _table,
    "aws:iam/role:Role": _role,
    "aws:lambda/eventSourceMapping:EventSourceMapping": _mapping,
    "aws:lambda/alias:Alias": _alias,
    "aws:lambda/function:Function": _function,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:sns/topic:Topic": _topic,
    "aws:sqs/queue:Queue": _queue,
}
