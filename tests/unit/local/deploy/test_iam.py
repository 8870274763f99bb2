import json
from typing import Any

from local.deploy.iam import as_written, assumable, enforceable

STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/Users-dev/stream/2026-11-24T00:00:00.000"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: str | list[str] = STREAM) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def added(document: str) -> dict[str, Any]:
    (statement,) = json.loads(enforceable(document))["Statement"][len(json.loads(document)["Statement"]) :]
    return statement


def test_reads_of_a_stream_are_granted_on_everything() -> None:
    statement = added(policy(allow("dynamodb:GetRecords", "dynamodb:DescribeStream"), allow("sqs:GetQueueUrl")))
    assert statement["Action"] == ["dynamodb:DescribeStream", "dynamodb:GetRecords"]
    assert statement["Resource"] == "*"


def test_an_action_on_a_message_grants_the_batch_action_on_the_same_queue() -> None:
    queue = "arn:aws:sqs:us-east-1:000000000000:UserChangesDeadLetterQueue-dev"
    statement = added(policy(allow("sqs:SendMessage", "sqs:GetQueueAttributes", resource=queue)))
    assert statement["Action"] == ["sqs:SendMessageBatch"]
    assert statement["Resource"] == queue


def test_the_right_to_publish_is_the_right_to_publish_a_batch() -> None:
    topic = "arn:aws:sns:us-east-1:000000000000:UserChanges-dev.fifo"
    statement = added(policy(allow("sns:Publish", resource=topic)))
    assert (statement["Action"], statement["Resource"]) == (["sns:PublishBatch"], topic)


def test_no_other_action_is_granted_on_everything() -> None:
    mixed = policy(allow("dynamodb:GetRecords", "dynamodb:PutItem", resource=[STREAM, "arn:aws:dynamodb:::table/t"]))
    assert added(mixed)["Action"] == ["dynamodb:GetRecords"]


def test_a_policy_without_such_grants_is_unchanged() -> None:
    for document in (
        policy(allow("dynamodb:PutItem", resource="arn:aws:dynamodb:us-east-1:000000000000:table/Users-dev")),
        policy({**allow("dynamodb:GetRecords"), "Effect": "Deny"}),
        policy({**allow("sqs:SendMessage"), "Effect": "Deny"}),
        policy(allow("dynamodb:GetRecords", resource="*")),
    ):
        assert enforceable(document) == document


def test_reading_a_policy_removes_the_added_statements() -> None:
    document = policy(allow("dynamodb:GetRecords"), allow("sqs:SendMessage"))
    assert as_written(json.loads(enforceable(document))) == json.loads(document)
    assert as_written(json.loads(document)) == json.loads(document)


def trust(condition: dict[str, Any]) -> str:
    lambda_assumes = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    return policy({**lambda_assumes, "Sid": "Lambda", **({"Condition": condition} if condition else {})})


def test_the_account_that_lambda_acts_for_is_that_of_the_user_who_assumes_the_role() -> None:
    document = trust({"StringEquals": {"aws:SourceAccount": "000000000000"}})

    written, asked = json.loads(assumable(document))["Statement"]
    assert asked == {
        **written,
        "Sid": "OnTheEmulator0",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": "000000000000"}},
    }
    assert as_written(json.loads(assumable(document))) == json.loads(document)


def test_a_trust_policy_that_asks_for_no_account_is_unchanged() -> None:
    for document in (trust({}), trust({"StringEquals": {"sts:ExternalId": "aws"}})):
        assert assumable(document) == document
