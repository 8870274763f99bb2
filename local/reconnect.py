"""Connect the consumers with their tables' streams again, as `pulumi up --refresh` does on AWS.

A stream that was switched off and on is another one. The functions' roles and the event source
mappings name the old one, and so does the output usersStreamArn.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from infra.consumers.declaration import STREAM_VIEW_TYPES, Source
from infra.outputs import StackOutputs
from local.state import LocalStack, clients_of, functions_of

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_iam.client import IAMClient
    from types_boto3_lambda.client import LambdaClient

_KEPT = (
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "FilterCriteria",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MetricsConfig",
    "ParallelizationFactor",
)
"""A mapping's settings that its successor gets."""


def reconnect(stack: LocalStack) -> Iterator[tuple[str, StackOutputs]]:
    """Yield, after each table whose stream is connected again, what was done and the outputs now.

    A table whose stream is the one that its consumer reads is left alone, so a second run is
    harmless, and completes a first one that was killed.
    """
    clients, outputs = clients_of(stack), stack.outputs
    readers = {
        Source.USERS_STREAM: (outputs.users_table_name, outputs.log_user_changes_function_name),
        Source.ACTIVITY_STREAM: (outputs.activity_table_name, outputs.fan_out_user_changes_function_name),
    }
    for source, (table, function) in readers.items():
        current = _current_stream(clients.dynamodb, table, STREAM_VIEW_TYPES[source])
        mappings: list[Any] = clients.lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        old = [mapping for mapping in mappings if mapping["EventSourceArn"] != current]
        named = outputs.users_stream_arn if source is Source.USERS_STREAM else current
        for ended in {*(mapping["EventSourceArn"] for mapping in old), named} - {current}:
            for name in set(functions_of(outputs).values()):
                _rename_in_policies(clients.lambda_, clients.iam, name, ended, current)
        if len(old) == len(mappings) and old:
            _create_successor(clients.lambda_, old[0], current)
        for mapping in old:
            clients.lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
        if source is Source.USERS_STREAM:
            outputs = outputs.model_copy(update={"users_stream_arn": current})
        if old or named != current:
            yield f"{function} reads {current}", outputs


def _current_stream(dynamodb: "DynamoDBClient", table: str, view_type: str) -> str:
    """Return a table's stream; switch it on first, or make it again if it has another view."""
    described = dynamodb.describe_table(TableName=table)["Table"]
    stream: Any = described.get("StreamSpecification") or {}
    if stream.get("StreamEnabled") and stream.get("StreamViewType") == view_type:
        return described.get("LatestStreamArn", "")
    if stream.get("StreamEnabled"):
        dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    wanted: Any = {"StreamEnabled": True, "StreamViewType": view_type}
    changed = dynamodb.update_table(TableName=table, StreamSpecification=wanted)
    return changed["TableDescription"].get("LatestStreamArn", "")


def _rename_in_policies(lambda_: "LambdaClient", iam: "IAMClient", function: str, old: str, new: str) -> None:
    """Let a function's role read the new stream in place of the old one."""
    role = lambda_.get_function(FunctionName=function)["Configuration"].get("Role", "").rpartition("/")[2]
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = json.dumps(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        if old in document:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document.replace(old, new))


def _create_successor(lambda_: "LambdaClient", mapping: Any, stream_arn: str) -> None:
    kept = {name: mapping[name] for name in _KEPT if mapping.get(name) is not None}
    lambda_.create_event_source_mapping(
        EventSourceArn=stream_arn,
        FunctionName=mapping["FunctionArn"],
        StartingPosition="TRIM_HORIZON",
        **kept,
    )
