"""What the responses of SQS mean for the delivery of a queue."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.session import Session
from botocore.stub import ANY, Stubber

from delivery import queue_messages as messages
from delivery.assumptions import Assumptions
from delivery.decisions import NotAdmitted
from local.event_source_mappings.queue_ports import QueuePorts
from tests.support.delivery.virtual_queue import queue_settings
from tests.support.records.record_processing_fakes import LogInMemory

MESSAGE: dict[str, Any] = {"MessageId": "m", "ReceiptHandle": "h", "Body": "text", "MD5OfBody": "md5", "Attributes": {}}
RECEIVED = messages.queue_message(MESSAGE, queue_settings().queue_arn)
GONE = {"Id": "0", "Code": "ReceiptHandleIsInvalid", "SenderFault": True}
BROKEN = {"Id": "0", "Code": "InternalError", "Message": "try again", "SenderFault": False}


class Stubbed:
    """The ports over two stubbed clients, of the role and of this machine."""

    def __init__(self) -> None:
        self.role, self.own = (
            Session().create_client(
                "sqs",
                region_name="eu-west-1",
                endpoint_url="http://127.0.0.1:1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            for _ in range(2)
        )
        self.of_role, self.of_own = Stubber(self.role), Stubber(self.own)
        role: Any = self.role
        own: Any = self.own
        self.ports = QueuePorts(
            role_client=lambda: role,
            own_client=own,
            settings=queue_settings(),
            assumptions=Assumptions(),
            invoke=lambda _: NotAdmitted("not here"),
            save=lambda _: None,
            log=LogInMemory(),
        )

    def result(self, action: messages.QueueAction) -> messages.QueueEvent:
        call = self.ports.carry_out(action)
        assert call is not None
        return call()


@pytest.fixture
def stubbed() -> Iterator[Stubbed]:
    it = Stubbed()
    with it.of_role, it.of_own:
        yield it
        it.of_role.assert_no_pending_responses()
        it.of_own.assert_no_pending_responses()


def receives(stubbed: Stubbed, found: list[Any]) -> None:
    stubbed.of_role.add_response("get_queue_attributes", {"Attributes": {"VisibilityTimeout": "180"}})
    stubbed.of_role.add_response(
        "receive_message",
        {"Messages": found},
        {
            "QueueUrl": "http://127.0.0.1:1/000000000000/Queue",
            "MaxNumberOfMessages": 3,
            "WaitTimeSeconds": ANY,
            "VisibilityTimeout": 5,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        },
    )


def test_a_receive_hides_for_a_short_time_and_reports_the_queue_s_timeout(stubbed: Stubbed) -> None:
    receives(stubbed, [MESSAGE])
    assert stubbed.result(messages.ReceiveMessages(3)) == messages.Received([RECEIVED], 180)


def test_what_a_closed_delivery_still_receives_is_shown_at_once(stubbed: Stubbed) -> None:
    receives(stubbed, [MESSAGE])
    stubbed.of_own.add_response(
        "change_message_visibility_batch",
        {"Successful": [{"Id": "0"}], "Failed": []},
        {"QueueUrl": ANY, "Entries": [{"Id": "0", "ReceiptHandle": "h", "VisibilityTimeout": 0}]},
    )
    stubbed.ports.close()
    stubbed.result(messages.ReceiveMessages(3))


def test_a_denied_receive_is_reported(stubbed: Stubbed) -> None:
    stubbed.of_role.add_client_error("get_queue_attributes", "AccessDenied", "sqs:GetQueueAttributes")
    failed = stubbed.result(messages.ReceiveMessages(1))
    assert isinstance(failed, messages.ReceiveFailed)
    assert "sqs:GetQueueAttributes" in failed.reason


@pytest.mark.parametrize(("failed", "failure"), [([], None), ([GONE], None), ([BROKEN], "InternalError: try again")])
def test_a_message_that_is_gone_counts_as_deleted_and_as_shown(
    stubbed: Stubbed, failed: list[Any], failure: str | None
) -> None:
    stubbed.of_role.add_response("delete_message_batch", {"Successful": [], "Failed": failed})
    stubbed.of_own.add_response("change_message_visibility_batch", {"Successful": [], "Failed": failed})
    assert stubbed.result(messages.DeleteMessages([RECEIVED])) == messages.Deleted([RECEIVED], failure)
    assert stubbed.result(messages.ShowMessages(["h"])) == messages.Shown(["h"], failure)


def test_a_message_that_is_gone_cannot_be_hidden(stubbed: Stubbed) -> None:
    stubbed.of_own.add_response("change_message_visibility_batch", {"Successful": [], "Failed": [GONE]})
    hidden = stubbed.result(messages.HideMessages([RECEIVED]))
    assert isinstance(hidden, messages.Hidden)
    assert hidden.failure is not None


def test_more_than_ten_messages_are_shown_in_several_calls(stubbed: Stubbed) -> None:
    for _ in range(2):
        stubbed.of_own.add_response("change_message_visibility_batch", {"Successful": [], "Failed": []})
    handles = [f"h{number}" for number in range(11)]
    assert stubbed.result(messages.ShowMessages(handles)) == messages.Shown(handles)
