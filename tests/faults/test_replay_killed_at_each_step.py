"""A replay killed before and after each of its requests and run again completes, in two consumers.

log_user_changes has each change once in Activity in the end. fan_out_user_changes, whose response
is the proof, has published each of its own to the topic at least once.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock
from uuid import uuid4

from botocore.exceptions import ClientError

from functions.activity.items import activity_item
from functions.dead_letters.envelope import FailedRecord
from functions.runtime.json_log import JsonObject
from functions.stream_records.user_change import parse_user_change
from infra.naming import PROJECT_ROOT
from local.process import child_environment
from local.state import clients_of
from ops.job import STATE_VARIABLE
from tests.faults.conftest import OwnStack
from tests.support.faults.audit import Audit
from tests.support.faults.connection_faults import Answer, Fault, Request
from tests.support.faults.fault_proxy import FaultProxy
from tests.support.local.local_stack import LocalStack
from tests.support.ops.declared_consumers import FAN_OUT, activity_record, failed_record
from tests.support.ops.ops_in_memory import envelope, of_stack
from tests.support.records.record_strategies import stream_record

RECORDS = 4
BATCH_SIZE = 2
CHANGING = {"ChangeMessageVisibilityBatch", "DeleteMessageBatch", "Invoke", "ReceiveMessage"}
"""Killed after any other, a replay is where it is before the next."""

GIVE_BACK = ("ChangeMessageVisibilityBatch", 1)

Step = tuple[str, int]
"""The so-manieth call of an operation."""


class TopicReader:
    """A queue that gets what is published to the stack's topic from now on."""

    def __init__(self, stack: LocalStack) -> None:
        clients = clients_of(stack)
        self._sqs = clients.sqs
        function = FAN_OUT.function_name(stack.outputs.environment)
        configuration = clients.lambda_.get_function_configuration(FunctionName=function)
        topic_arn = configuration.get("Environment", {}).get("Variables", {})["USER_CHANGES_TOPIC_ARN"]
        self._url = self._sqs.create_queue(QueueName="TopicReader.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        the_topic = {"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **the_topic}]}
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)})
        raw = {"RawMessageDelivery": "true"}
        clients.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes=raw)

    def change_ids(self) -> set[str]:
        """Return the changes that were published, each named once or more."""
        found: set[str] = set()
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.add(json.loads(message.get("Body", ""))["changeId"])
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.get("ReceiptHandle", ""))
        return found


class KilledReplays:
    """Replays through a wire on which each is killed at its step."""

    def __init__(self, stack: LocalStack, directory: Path) -> None:
        self._sqs = clients_of(stack).sqs
        self._stack = stack
        self._state = directory / "ops"
        self._outputs = directory / "outputs.json"
        self._outputs.write_text(stack.outputs.model_dump_json(by_alias=True, exclude_none=True))
        self._process: subprocess.Popen[str] | None = None
        self._step: Step | None = None
        self._fault = Fault.KILLED_BEFORE
        self._lock = Lock()
        self._receipts: dict[str, str] = {}
        self.wire = FaultProxy(stack.endpoint_url, self._deal, self._kill, late_seconds=0)
        self.wire.see = self._remember
        self.steps: list[Step] = []
        self.failed: list[JsonObject] = []
        self.unpublished: set[str] = set()

    def fail_more(self) -> None:
        """Put a few more records into the dead-letter queue, of users of their own."""
        user = f"killed-{uuid4().hex[:8]}"
        for _ in range(RECORDS):
            position = len(self.failed)
            change = activity_record(position, user)
            self.unpublished.add(change["dynamodb"]["Keys"]["changeId"]["S"])
            self._put(failed_record(change, FAN_OUT))
            image = {"userId": {"S": user}, "name": {"S": f"name {len(self.failed)}"}}
            self.failed.append(self._put(envelope(stream_record("INSERT", len(self.failed), user, None, image))))

    def _put(self, failed: FailedRecord) -> JsonObject:
        """Put the failed record into the queue as one of the stack's; return the record."""
        own = of_stack(failed, self._stack.outputs)
        self._sqs.send_message(QueueUrl=self._stack.outputs.dead_letter_queue_url, MessageBody=own.to_json())
        return own.record

    def run(self, step: Step | None = None, fault: Fault = Fault.KILLED_BEFORE) -> int:
        """Replay everything and kill it at a step; return the exit code, negative if killed."""
        self._step, self._fault, self.steps = step, fault, []
        command = ["-m", "ops", "--outputs", str(self._outputs), "dlq", "replay", "--all"]
        self._process = subprocess.Popen(
            [sys.executable, *command, "--batch-size", str(BATCH_SIZE)],
            cwd=PROJECT_ROOT,
            env=child_environment(
                os.environ,
                AWS_ENDPOINT_URL=self.wire.url,
                AWS_ACCESS_KEY_ID=self._stack.access_key_id,
                AWS_SECRET_ACCESS_KEY=self._stack.secret_access_key,
                **{STATE_VARIABLE: str(self._state)},
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said, _ = self._process.communicate(timeout=120)
        assert self._process.returncode in {0, -signal.SIGKILL}, said
        return self._process.returncode

    def _deal(self, request: Request) -> Fault | None:
        operation = request.operation
        with self._lock:  # a replay receives in several threads
            step = (operation, 1 + sum(name == operation for name, _ in self.steps))
            self.steps.append(step)
        return self._fault if step == self._step else None

    def _kill(self) -> None:
        assert self._process is not None
        self._process.kill()

    def _remember(self, request: Request, answer: Answer) -> None:
        if request.operation == "ReceiveMessage":
            for message in json.loads(answer.body).get("Messages", []):
                self._receipts[message["MessageId"]] = message["ReceiptHandle"]

    def let_time_pass(self) -> None:
        """Make in-flight messages visible, as their visibility timeout does after 15 minutes."""
        for receipt in list(self._receipts.values()):  # the wire may still see an answer to a killed replay
            with suppress(ClientError):  # those that are removed
                self._sqs.change_message_visibility(
                    QueueUrl=self._stack.outputs.dead_letter_queue_url, ReceiptHandle=receipt, VisibilityTimeout=0
                )


def test_a_replay_killed_at_each_request_loses_and_duplicates_nothing(own_stack: OwnStack) -> None:
    stack, directory = own_stack
    topic = TopicReader(stack)
    replays = KilledReplays(stack, directory)
    with replays.wire.serving():
        replays.fail_more()
        assert replays.run() == 0
        steps = replays.steps
        assert {name for name, _ in steps} >= {"ReceiveMessage", "Invoke", "BatchGetItem", "DeleteMessageBatch"}
        # The next replay releases the messages of a killed one, as its first step.
        steps.insert(steps.index(("Invoke", 1)) + 1, GIVE_BACK)

        kills = [(step, Fault.KILLED_BEFORE) for step in steps]
        kills += [(step, Fault.KILLED_AFTER) for step in steps if step[0] in CHANGING]
        for step, fault in kills:
            replays.fail_more()
            assert replays.run(step, fault) == -signal.SIGKILL, f"it was not killed at {step}"
        replays.let_time_pass()
        assert replays.run() == 0

    audit = Audit(stack)
    audit.take_dead_letters()
    assert audit.envelopes == {}
    kept = audit.activity()
    assert kept == {
        record["eventID"]: [activity_item(parse_user_change(record), audit.retention_days)] for record in replays.failed
    }
    assert replays.unpublished <= topic.change_ids()
