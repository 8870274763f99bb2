"""The program on docs/events.md, deployed on this machine as the page says, gets registrations."""

import json
import uuid
from pathlib import Path

from local.state import LocalStack, clients_of
from tests.support.events_page import blocks
from tests.support.local.mapped_function import eventually
from tests.support.local.subscriber import Subscriber, deploy


def test_the_program_on_the_page_gets_the_events_that_its_rule_picks(
    local_stack: LocalStack, local_stack_directory: Path, tmp_path: Path
) -> None:
    (program,) = [block for block in blocks("python") if "StackReference" in block]
    (tmp_path / "Pulumi.yaml").write_text("name: mine\nruntime: python\n")
    (tmp_path / "Pulumi.local.yaml").write_text("config: {}\n")
    (tmp_path / "__main__.py").write_text(program.replace("userstream/dev", "userstream/local"))
    picked = str(uuid.uuid4())

    printed = deploy(local_stack_directory, tmp_path)
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.splitlines()[-1] == "4 resources deployed"
    Subscriber(local_stack).publish(
        [
            ("UserChanged", {"schemaVersion": 1, "userId": "other type"}),
            ("UserRegistered", {"schemaVersion": 2, "userId": "other version"}),
            ("UserRegistered", {"schemaVersion": 1, "userId": picked}),
        ]
    )

    sqs = clients_of(local_stack).sqs
    queue_url = sqs.get_queue_url(QueueName="users-local")["QueueUrl"]
    received = eventually(
        lambda: sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=1).get(
            "Messages", []
        ),
        bool,
    )
    assert [json.loads(message.get("Body", ""))["detail"]["userId"] for message in received] == [picked]
