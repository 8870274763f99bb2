"""One batch of a consumer's queue, processed so that no change is lost or overtakes another.

Order: of one user, a change is tried only when all earlier ones of the batch are handled or in the
dead-letter queue. When one is to come again, so are the user's later ones. Other users go on.

| a change that                  | is                                                             |
| ------------------------------ | -------------------------------------------------------------- |
| is handled                     | deleted from the queue by Lambda                               |
| left Activity (expiry, erased) | skipped with a line in the log, and deleted                    |
| can never be processed         | sent to the dead-letter queue at once (permanent)              |
| fails in any other way         | reported, and comes again after a wait that grows each time    |
| does so on its last receive    | sent to the dead-letter queue with the last reason (exhausted) |
| can't be sent there            | reported; SQS moves it to the failure queue, and the rescue on |

A consumer that crashes or times out reports nothing, and all changes of the batch come again, the
guilty one among them. So changes that come again are tried last, before each of them what is
handled is deleted, and they change their order each time: by the third receive the innocent ones
are through.

Lambda deletes what isn't reported. Sources: Lambda developer guide, "Handling errors for an SQS
event source in Lambda"; SQS developer guide, "FIFO queue delivery logic".
"""

import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from functions.activity.items import ItemKey, ReadOutcome
from functions.consumers.message import ChangeMessage, MalformedMessageError, parse_message
from functions.consumers.stored_change import (
    RetryChangeError,
    StoredChange,
    UnprocessableChangeError,
    stored_change,
)
from functions.dead_letters.envelope import (
    DEAD_LETTERED,
    REFUSED,
    DeadLetterSender,
    FailedRecord,
    RecordIdentity,
    consumer_name,
    identify_record,
)
from functions.runtime.invocation import Clock, reserved_time
from functions.runtime.json_log import Json, JsonObject, Log, utc_timestamp

HANDLED = "CHANGE HANDLED:"
SKIPPED = "CHANGE SKIPPED:"
COMES_AGAIN = "CHANGE COMES AGAIN:"

TIME_TO_FINISH_SECONDS = 2.0  # kept free at an invocation's end, to report how far it came
FIRST_DELAY_SECONDS = 5
DELAY_FACTOR = 4
LONGEST_DELAY_SECONDS = 900
"""Waits of at most 5, 20, 80, 320, 900, 900 ... seconds, and at least half of that: five receives
span up to 7 minutes, ten up to 82."""

Attempt = Callable[[Sequence[StoredChange]], Mapping[int, Exception]]
"""Handles changes, each of another user; returns the failed ones by position. What it raises counts
for all of them."""


class Message(NamedTuple):
    """One message of the batch."""

    message_id: str
    group: str
    """What SQS keeps in order: the user."""
    receives: int
    """How often it was received, this time included."""
    first_received: float | None  # seconds since the epoch
    record: JsonObject
    named: ChangeMessage | None
    complaint: str | None
    """Why it names no change."""


class Settings(NamedTuple):
    """What differs from consumer to consumer, and from invocation to invocation."""

    source_function: str  # the consumer's ARN
    maximum_receives: int
    changes_per_call: int
    replay: bool
    """Whether operators replay dead letters: then nothing is sent to the dead-letter queue, what
    can never be processed is answered as refused, and there is no last receive."""


class QueueBatchOutcome:
    """What comes again, and what operators are told.

    Attributes:
        delays: Failed messages by id, and after how many seconds they should come again.
        refused: In a replay: messages that can never be processed, and why. Else None.
    """

    def __init__(self, *, replay: bool) -> None:
        self.delays: dict[str, float] = {}
        self.refused: dict[str, str] | None = {} if replay else None

    def response(self) -> JsonObject:
        """Return the mapping's answer, with `refused` in a replay."""
        failures = {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in self.delays]}
        return failures if self.refused is None else {**failures, "refused": self.refused}


def read_messages(records: Sequence[JsonObject]) -> list[Message]:
    """Read the records of an SQS event; one that names no change has a complaint."""
    return [_message(record) for record in records]


def _message(record: JsonObject) -> Message:
    named, complaint = None, None
    try:
        named = parse_message(record.get("body"))
    except MalformedMessageError as error:
        complaint = str(error)
    attributes: JsonObject = record.get("attributes") or {}
    first_received = _count(attributes.get("ApproximateFirstReceiveTimestamp"))
    return Message(
        message_id=record["messageId"],
        group=attributes.get("MessageGroupId") or (named.user_id if named else record["messageId"]),
        receives=_count(attributes.get("ApproximateReceiveCount")) or 1,
        first_received=first_received / 1000 if first_received else None,
        record=record,
        named=named,
        complaint=complaint,
    )


def _count(text: Json) -> int | None:
    return int(text) if isinstance(text, str) and re.fullmatch(r"\d{1,15}", text, re.ASCII) else None


class QueueBatch:
    """The processing of one batch."""

    def __init__(  # noqa: PLR0913  each is a dependency, named at the call
        self,
        settings: Settings,
        *,
        read: Callable[[Sequence[ItemKey]], ReadOutcome],
        attempt: Attempt,
        dead_letters: DeadLetterSender,
        delete: Callable[[Sequence[Message]], None],
        log: Log,
        clock: Clock,
        jitter: Callable[[], float],
        explain: Callable[[Exception], str],
    ) -> None:
        """Take the batch's surroundings.

        Args:
            settings: of the consumer and the invocation.
            read: Activity's items by key.
            attempt: the consumer's own part.
            dead_letters: where changes go that are given up.
            delete: takes messages that are done out of the queue, or leaves that to Lambda.
            log: gets a line for each change; none holds a value of a person.
            clock: the invocation's.
            jitter: returns a number between 0 and 1: users that failed together come back apart.
            explain: returns what failed, in a few words without personal data.
        """
        self._settings = settings
        self._read = read
        self._attempt = attempt
        self._dead_letters = dead_letters
        self._delete = delete
        self._log = log
        self._clock = clock
        self._jitter = jitter
        self._explain = explain
        self._time_to_finish = reserved_time(clock, TIME_TO_FINISH_SECONDS)
        self._longest_call = 0.0
        self._waiting_groups: dict[str, float] = {}
        self._undeleted: list[Message] = []
        self._outcome = QueueBatchOutcome(replay=settings.replay)
        self._consumer = consumer_name(settings.source_function)

    def process(self, messages: Sequence[Message]) -> QueueBatchOutcome:
        """Process the messages, in the queue's order."""
        keys = [(named.user_id, named.change_id) for named in (message.named for message in messages) if named]
        found = self._read(keys) if keys else ReadOutcome({}, None, frozenset())
        pending = _suspects_last(messages)
        while pending:
            call, pending = self._next_call(pending)
            ready: list[tuple[Message, StoredChange]] = []
            for message in call:
                change = self._change(message, found)
                if change is not None:
                    ready.append((message, change))
            if ready:
                self._call(ready)
        return self._outcome

    def _next_call(self, pending: Sequence[Message]) -> tuple[list[Message], list[Message]]:
        """Return the messages to try next, each the first of its user, and those that remain."""
        call: list[Message] = []
        remaining: list[Message] = []
        groups: set[str] = set()
        for message in pending:
            if message.group in groups or len(call) == self._settings.changes_per_call:
                remaining.append(message)
            else:
                call.append(message)
            groups.add(message.group)
        return call, remaining

    def _change(self, message: Message, found: ReadOutcome) -> StoredChange | None:
        """Return the change to try; None if the message is settled, or comes again, without."""
        if message.group in self._waiting_groups:
            self._fail(message, "an earlier change of the same user failed", self._waiting_groups[message.group])
            return None
        if message.named is None:
            self._give_up(message, "permanent", message.complaint or "")
            return None
        key = (message.named.user_id, message.named.change_id)
        if key in found.unread:
            self._fail(message, found.interruption or "its item in Activity wasn't read")
            return None
        item = found.items.get(key)
        if item is None:
            self._log_change("INFO", SKIPPED, message, reason="it isn't in Activity any more: expired or erased")
            return None
        try:
            return stored_change(message.named, item)
        except UnprocessableChangeError as error:
            self._give_up(message, "permanent", str(error))
            return None

    def _call(self, ready: Sequence[tuple[Message, StoredChange]]) -> None:
        begun = self._clock.remaining()
        if begun - self._longest_call < self._time_to_finish:
            for message, _ in ready:
                self._fail(message, "the invocation's time was nearly over", 0.0)
            return
        if self._undeleted and any(message.receives > 1 for message, _ in ready):
            self._delete(self._undeleted)
            self._undeleted = []
        try:
            failures = self._attempt([change for _, change in ready])
        except Exception as error:  # noqa: BLE001  whatever it is, the change comes again
            failures = dict.fromkeys(range(len(ready)), error)
        if not failures.keys() <= set(range(len(ready))):
            failures = dict.fromkeys(range(len(ready)), RetryChangeError("it failed at a position without a change"))
        self._longest_call = max(self._longest_call, begun - self._clock.remaining())
        for position, (message, _) in enumerate(ready):
            error = failures.get(position)
            if error is None:
                self._log_change("INFO", HANDLED, message)
                self._undeleted.append(message)
            elif isinstance(error, UnprocessableChangeError):
                self._give_up(message, "permanent", str(error))
            elif isinstance(error, RetryChangeError):
                self._fail(message, str(error))
            else:
                self._fail(message, self._explain(error), frames=_frames(error))

    def _fail(self, message: Message, reason: str, delay: float | None = None, **more: object) -> None:
        """Let a message come again; after its last receive, give it up."""
        if not self._settings.replay and message.receives >= self._settings.maximum_receives:
            self._give_up(message, "exhausted", f"received {message.receives} times; the last time: {reason}", **more)
            return
        self._comes_again(message, reason, self._delay(message) if delay is None else delay, **more)

    def _comes_again(self, message: Message, reason: str, delay: float, **more: object) -> None:
        self._waiting_groups.setdefault(message.group, delay)
        self._outcome.delays[message.message_id] = delay
        self._log_change("WARNING", COMES_AGAIN, message, reason=reason, receives=message.receives, **more)

    def _delay(self, message: Message) -> float:
        longest = min(FIRST_DELAY_SECONDS * DELAY_FACTOR ** (message.receives - 1), LONGEST_DELAY_SECONDS)
        return longest * (1 + self._jitter()) / 2

    def _give_up(self, message: Message, kind: Literal["permanent", "exhausted"], reason: str, **more: object) -> None:
        """Send a message to the dead-letter queue; if that fails it comes again."""
        identity = identify_record(message.record, self._settings.source_function)
        if self._outcome.refused is not None:
            self._outcome.refused[message.message_id] = reason
            self._outcome.delays[message.message_id] = 0.0
        else:
            interruption = self._send(message, identity, kind, reason)
            if interruption is not None:
                self._comes_again(message, f"{reason}; not dead-lettered: {interruption}", self._delay(message), **more)
                return
        text = DEAD_LETTERED if self._outcome.refused is None else REFUSED
        self._log_change("ERROR", text, message, reason=reason, failureId=identity.failure_id, **more)

    def _send(
        self, message: Message, identity: RecordIdentity, kind: Literal["permanent", "exhausted"], reason: str
    ) -> str | None:
        failed = FailedRecord(
            **identity._asdict(),
            kind=kind,
            reason=reason,
            record=message.record,
            attempts=message.receives,
            source_function=self._settings.source_function,
            first_failed_at=utc_timestamp(message.first_received or self._clock.now()),
            last_failed_at=utc_timestamp(self._clock.now()),
        )
        try:
            return self._dead_letters.send([failed]).interruption
        except Exception as error:  # noqa: BLE001  the message stays in the queue, and the batch goes on
            return self._explain(error)

    def _log_change(self, level: str, text: str, message: Message, **more: object) -> None:
        named = message.named
        names: JsonObject = {"consumer": self._consumer, "messageId": message.message_id}
        if named is not None:
            names |= {"userId": named.user_id, "changeId": named.change_id, "kind": named.kind, **named.caused}
        self._log(level, text, **names, **more)


def _suspects_last(messages: Sequence[Message]) -> list[Message]:
    """Return users with a message that comes again after the others, each user's in order.

    With every receive their order turns round. What crashes comes again each time, so whatever is
    before it one time, or the next, is deleted by then.
    """
    suspects = list(dict.fromkeys(message.group for message in messages if message.receives > 1))
    if not suspects:
        return list(messages)
    receives = max(message.receives for message in messages)
    place = {group: at if receives % 2 else -at for at, group in enumerate(suspects, start=len(suspects))}
    return sorted(messages, key=lambda message: (message.group in place, place.get(message.group, 0)))


def _frames(error: BaseException) -> list[str]:
    """Return where an exception was raised, and from which others, without their messages.

    A message may quote a person's values; file names, lines and types can't.
    """
    lines: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)
        lines += [type(cause).__qualname__, *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return lines
