"""A local stack as the operators' commands reach it, and the command line on it."""

import io
import json
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from click.testing import CliRunner, Result

from infra.packaging import package_bytes
from local.live_version import make_live
from local.state import clients_of
from ops.aws.services import Services
from ops.cli import cli
from ops.context import CommandContext
from ops.stack_outputs import LocalPoller, StackAccess
from tests.support.local.local_stack import LocalStack
from tests.support.local.mapped_function import eventually

SCHEMA_VERSIONS = "functions/stream_records/schema_versions.py"


def services_of(stack: LocalStack, **changed_outputs: str) -> Services:
    """The services of a stack, with some of its outputs replaced."""
    return Services(
        StackAccess(
            outputs=stack.outputs.model_copy(update=changed_outputs),
            client_options={
                "endpoint_url": stack.endpoint_url,
                "aws_access_key_id": stack.access_key_id,
                "aws_secret_access_key": stack.secret_access_key,
            },
            read_local_poller=lambda: LocalPoller(stack.poller_pid, running=True),
            source="--stack local",
        ),
        profile=None,
    )


def run_ops(services: Services, *arguments: str) -> Result:
    """Run one command in this process."""
    return CliRunner().invoke(cli, list(arguments), obj=CommandContext(lambda: services), catch_exceptions=False)


def answer(result: Result) -> Any:
    """The JSON that a command printed."""
    return json.loads(result.stdout)


def delete_unsupported_users(stack: LocalStack) -> None:
    """Delete the users whom log_user_changes refuses, which other tests leave, and their records.

    It refuses their deletions too, so the dead-letter queue is emptied when those are there.
    """
    dynamodb, sqs, outputs = clients_of(stack).dynamodb, clients_of(stack).sqs, stack.outputs
    pages = dynamodb.get_paginator("scan").paginate(TableName=outputs.users_table_name, ConsistentRead=True)
    unsupported = [
        item["userId"]
        for page in pages
        for item in page["Items"]
        if item.get("schemaVersion", {"N": "1"}) != {"N": "1"}
    ]
    sqs.purge_queue(QueueUrl=outputs.dead_letter_queue_url)
    for user_id in unsupported:
        dynamodb.delete_item(TableName=outputs.users_table_name, Key={"userId": user_id})
    queue = services_of(stack).dead_letter_queue()
    eventually(lambda: queue.depth().total, lambda depth: depth >= len(unsupported))
    sqs.purge_queue(QueueUrl=outputs.dead_letter_queue_url)


@contextmanager
def deployed_fix(stack: LocalStack) -> Generator[None]:
    """Deploy a log_user_changes that accepts users of schemaVersion 2 too, until the block ends."""
    function = stack.outputs.log_user_changes_function_name
    lambda_ = clients_of(stack).lambda_
    before = package_bytes("log_user_changes", "host")
    lambda_.update_function_code(FunctionName=function, ZipFile=_with_second_version(before))
    make_live(lambda_, function)
    try:
        yield
    finally:
        lambda_.update_function_code(FunctionName=function, ZipFile=before)
        make_live(lambda_, function)


def _with_second_version(package: bytes) -> bytes:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == SCHEMA_VERSIONS:
                assert b"frozenset({1})" in content
                content = content.replace(b"frozenset({1})", b"frozenset({1, 2})")
            target.writestr(name, content)
    return changed.getvalue()
