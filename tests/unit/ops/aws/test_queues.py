"""The queue at the wire, where several calls are under way at once."""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from ops.aws.queues import CONCURRENT_CALLS, MESSAGES_PER_CALL, EnvelopeStore, MessageQueue, ObjectVersion
from ops.errors import OpsError
from tests.support.aws.s3_wire import S3Wire

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient


class Failing:
    """An SQS that gives full answers, and no more than so many of them."""

    def __init__(self, good_answers: int) -> None:
        self._left = good_answers
        self._numbers = itertools.count()

    def receive_message(self, **_: Any) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0:
            raise ClientError({"Error": {"Code": "InternalFailure", "Message": "try again"}}, "ReceiveMessage")
        return {"Messages": [{"MessageId": f"m-{next(self._numbers)}"} for _ in range(MESSAGES_PER_CALL)]}


def test_messages_received_beside_a_failed_call_are_returned() -> None:
    queue = MessageQueue(cast("SQSClient", Failing(1 + CONCURRENT_CALLS // 2)), "https://sqs/000000000000/Q")

    first, some = queue.receive(60), queue.receive(60)

    assert len(first) == MESSAGES_PER_CALL
    assert len(some) == MESSAGES_PER_CALL * CONCURRENT_CALLS // 2
    with pytest.raises(OpsError, match="InternalFailure"):
        queue.receive(60)


PLACE = "s3://failures-test/failed-records/x.json"
CALLS: dict[str, Callable[[EnvelopeStore], object]] = {
    "fetch": lambda store: store.fetch(PLACE),
    "versions": lambda store: list(store.versions()),
    "fetch_version": lambda store: store.fetch_version(ObjectVersion("failures-test", "x", "1")),
    "delete_version": lambda store: store.delete_version(ObjectVersion("failures-test", "x", "1")),
    "keep": lambda store: store.keep(PLACE, "{}"),
}


@pytest.mark.parametrize("call", CALLS)
def test_every_call_tells_s3_whose_the_bucket_must_be(call: str) -> None:
    s3 = S3Wire(denies=True)

    with pytest.raises(OpsError):
        CALLS[call](EnvelopeStore(s3.client, "failures-test", "123456789012"))

    assert s3.owners == ["123456789012"]


def test_the_calls_are_all_that_the_store_has() -> None:
    assert set(CALLS) == {name for name in vars(EnvelopeStore) if not name.startswith("_")}
