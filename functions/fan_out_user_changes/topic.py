"""The topic of users' changes: publishes messages so that none overtakes another of its user.

Limits: SNS API reference, "PublishBatch" (10 messages a call, published in their order, partial
failures in a successful answer; MessageGroupId and MessageDeduplicationId of up to 128 letters,
digits and punctuation; a deduplication id counts for 5 minutes).

In one call a message may fail and a later one be published. So a call never has two messages of one
user, and a user's next one waits until the one before it is published.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from functions.activity.items import WriteOutcome
from functions.consumers.message import ChangeMessage
from functions.runtime.aws import TRANSIENT_CODES, aws_call_errors, transient_reason
from functions.runtime.invocation import Clock, reserved_time
from functions.runtime.json_log import JsonObject

if TYPE_CHECKING:
    from types_boto3_sns.client import SNSClient

MESSAGES_PER_CALL = 10
FIRST_WAIT_SECONDS = 0.05
CALLS_PER_CHUNK = 5
"""With doubled waits, under a second for the topic to recover; the mapping retries for longer."""
TIME_TO_FINISH_SECONDS = 2.0
"""Kept free at an invocation's end, to send dead letters, log, and report the batch's outcome."""

_GROUP_ID = re.compile(r"[!-~]{1,128}")


class UserChangesTopic:
    """Publishes messages within one invocation."""

    def __init__(self, client: "SNSClient", topic_arn: str, clock: Clock) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._clock = clock
        self._time_to_finish = reserved_time(clock, TIME_TO_FINISH_SECONDS)

    def publish(self, messages: Sequence[ChangeMessage]) -> WriteOutcome:
        """Publish the messages, or return how far that came.

        Published may also be later ones than the outcome says, of other users.

        Raise an error of a call that has no `transient_reason`.
        """
        done: set[int] = set()
        rejected: dict[int, str] = {}
        interruption: str | None = None
        for call in _calls(messages):
            interruption = self._publish({position: messages[position] for position in call}, done, rejected)
            if interruption is not None:
                break
        settled = next((position for position in range(len(messages)) if position not in done), len(messages))
        return WriteOutcome(settled, rejected, interruption)

    def _publish(self, unsent: dict[int, ChangeMessage], done: set[int], rejected: dict[int, str]) -> str | None:
        """Publish up to ten messages; return why some of them can't be published now, if so."""
        wait = FIRST_WAIT_SECONDS
        failures: dict[int, Any] = {}
        for calls_left in reversed(range(CALLS_PER_CHUNK)):
            if self._clock.remaining() < self._time_to_finish:
                return "the invocation's time is nearly over"
            entries: Any = [_entry(position, message) for position, message in unsent.items()]
            try:
                answer = self._client.publish_batch(TopicArn=self._topic_arn, PublishBatchRequestEntries=entries)
            except aws_call_errors() as error:
                reason = transient_reason(error)
                if reason is None:
                    raise
                return reason
            done |= {int(entry["Id"]) for entry in answer.get("Successful", []) if "Id" in entry}
            failures = {int(entry["Id"]): entry for entry in answer.get("Failed", [])}
            for position, failure in failures.items():
                if failure["SenderFault"] and failure["Code"] not in TRANSIENT_CODES:
                    rejected[position] = f"the topic refuses its message: {failure['Code']}"
                    done.add(position)
            unsent = {position: message for position, message in unsent.items() if position not in done}
            if not unsent:
                return None
            if calls_left:
                self._clock.sleep(random.uniform(wait / 2, wait))  # noqa: S311  spreads the load, hides nothing
                wait *= 2
        first = failures.get(min(unsent))
        return f"PublishBatch: {first['Code'] if first else 'no answer for a message'}"


def _calls(messages: Sequence[ChangeMessage]) -> Iterator[list[int]]:
    """Yield the positions for each call, in an order that keeps each user's.

    All users' first changes come before their second ones, so calls are full although none has two
    of one user.
    """
    earlier: defaultdict[str, int] = defaultdict(int)
    rounds: defaultdict[int, list[int]] = defaultdict(list)
    for position, message in enumerate(messages):
        rounds[earlier[message.user_id]].append(position)
        earlier[message.user_id] += 1
    for positions in rounds.values():
        for start in range(0, len(positions), MESSAGES_PER_CALL):
            yield positions[start : start + MESSAGES_PER_CALL]


def _entry(position: int, message: ChangeMessage) -> JsonObject:
    attributes = {"kind": message.kind, "origin": message.origin}
    return {
        "Id": str(position),
        "Message": message.to_json(),
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
        "MessageGroupId": group_id(message.user_id),
        "MessageDeduplicationId": _digest(f"{message.user_id}#{message.change_id}"),
    }


def group_id(user_id: str) -> str:
    """Return the message group of a user: the id, or its digest if SNS doesn't take it."""
    return user_id if _GROUP_ID.fullmatch(user_id) else _digest(user_id)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
