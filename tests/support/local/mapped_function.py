"""The smallest thing to poll: a table, a tiny function on its stream, and a failure queue.

The function does what its records say (attribute `then`), and records each invocation in a file.
A queue in place of the stream is `mapped_queue`'s.
"""

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import uuid4

from functions.runtime.json_log import JsonObject
from local.aws_clients import Clients
from local.deploy.iam import enforceable

if TYPE_CHECKING:
    from tests.support.aws.dynamodb_endpoints import DynamoDBEndpoint

REGION = "us-east-1"

T = TypeVar("T")

HANDLER = """
import json, os, time

def handler(event, context):
    records = event["Records"]
    with open(os.environ["CALLS"], "a") as calls:
        names = [name_of(record) for record in records]
        calls.write(json.dumps({"names": names, "requestId": context.aws_request_id, "event": event}) + "\\n")
    failures = []
    for record in records:
        then = then_of(record)
        if then == "raise":
            raise RuntimeError("told to")
        if then == "exit":
            os._exit(1)
        if then == "sleep":
            time.sleep(60)
        if then == "once" and not os.path.exists(os.environ["CALLS"] + ".once"):
            open(os.environ["CALLS"] + ".once", "w").close()
            raise RuntimeError("told to, once")
        if then == "partial":
            failures.append({"itemIdentifier": record.get("messageId") or record["dynamodb"]["SequenceNumber"]})
            break
        if then == "slow":
            time.sleep(1)
    return {"batchItemFailures": failures}

def name_of(record):
    return json.loads(record["body"])["name"] if "body" in record else record["dynamodb"]["Keys"]["id"]["S"]

def then_of(record):
    if "body" in record:
        return json.loads(record["body"])["then"]
    return record["dynamodb"].get("NewImage", {}).get("then", {}).get("S")
"""

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


class MappedFunction(NamedTuple):
    """What was created."""

    clients: Clients
    table: str
    stream_arn: str
    role: str
    function: str
    function_arn: str
    queue_url: str
    queue_arn: str
    mapping_uuid: str
    calls_file: Path

    def put(self, name: str, then: str = "succeed", **attributes: Any) -> None:
        """Write an item, and so a record into the stream."""
        self.clients.dynamodb.put_item(
            TableName=self.table, Item={"id": {"S": name}, "then": {"S": then}, **attributes}
        )

    def calls(self) -> list[JsonObject]:
        """Return all invocations so far."""
        return whole_lines(self.calls_file)

    def batches(self) -> list[list[str]]:
        """Return the names of the items in each invocation."""
        return [call["names"] for call in self.calls()]

    def delivered(self) -> list[str]:
        """Return the names of the items in all invocations."""
        return [name for batch in self.batches() for name in batch]

    def documents(self) -> list[JsonObject]:
        """Return the failure documents in the queue, which stay in flight there."""
        answer = self.clients.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        return [json.loads(message.get("Body", "")) for message in answer.get("Messages", [])]

    def allow(self, *actions: str) -> None:
        """Allow the role exactly these actions."""
        resources = [self.stream_arn, self.queue_arn]
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
        self.clients.iam.put_role_policy(
            RoleName=self.role,
            PolicyName="policy",
            PolicyDocument=enforceable(json.dumps({"Version": "2012-10-17", "Statement": [statement]})),
        )


READ = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
SEND = ("sqs:SendMessage",)


def create_mapped_function(endpoint: "DynamoDBEndpoint", directory: Path, **settings: Any) -> MappedFunction:
    """Create it all.

    Args:
        endpoint: The emulator.
        directory: Where the function writes down its invocations.
        settings: Of the mapping, as CreateEventSourceMapping takes them.
    """
    clients = Clients(endpoint.url, REGION, *endpoint.keys)
    name = f"mapped-{uuid4().hex[:8]}"
    calls_file = directory / f"{name}.jsonl"

    table = clients.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    stream_arn = table.get("LatestStreamArn", "")
    queue_url = clients.sqs.create_queue(QueueName=name)["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{REGION}:000000000000:{name}"
    role_arn = clients.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    function_arn = create_function(clients, name, role_arn, calls_file)
    mapping = clients.lambda_.create_event_source_mapping(
        EventSourceArn=stream_arn,
        FunctionName=name,
        StartingPosition="TRIM_HORIZON",
        DestinationConfig={"OnFailure": {"Destination": queue_arn}},
        **settings,
    )
    mapped = MappedFunction(
        clients=clients,
        table=name,
        stream_arn=stream_arn,
        role=name,
        function=name,
        function_arn=function_arn,
        queue_url=queue_url,
        queue_arn=queue_arn,
        mapping_uuid=mapping["UUID"],
        calls_file=calls_file,
    )
    mapped.allow(*READ, *SEND)
    return mapped


def create_function(clients: Clients, name: str, role_arn: str, calls_file: Path) -> str:
    """Create the function, and return its ARN."""
    function_arn = clients.lambda_.create_function(
        FunctionName=name,
        Runtime="python3.14",
        Handler="index.handler",
        Role=role_arn,
        Timeout=5,
        Code={"ZipFile": _zip(HANDLER)},
        Environment={"Variables": {"CALLS": str(calls_file)}},
    )["FunctionArn"]
    clients.lambda_.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return function_arn


def _zip(source: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", source)
    return content.getvalue()


def whole_lines(path: Path) -> list[JsonObject]:
    """Return the objects of a file that another process appends to, without a line half written."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def eventually(look: Callable[[], T], holds: Callable[[T], bool], seconds: float = 60.0) -> T:
    """Return what `look` returns as soon as `holds` accepts it; fail with its last result."""
    deadline = time.monotonic() + seconds
    while not holds(seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r} after {seconds} s"
        time.sleep(0.05)
    return seen
