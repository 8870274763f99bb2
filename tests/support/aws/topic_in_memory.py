"""An SNS FIFO topic behind a botocore client: PublishBatch in its form on the wire."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.session import Session

from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Failure

_SESSION = Session()
_NO_HEADERS: Any = {}


class Published(NamedTuple):
    """One message as subscribers get it."""

    group: str
    deduplication_id: str
    body: JsonObject
    attributes: dict[str, str]


class EntryFailure(NamedTuple):
    """Why one entry of a call failed."""

    code: str
    sender_fault: bool = False


@dataclass
class TopicInMemory:
    """A topic that tests make fail.

    Attributes:
        refuse: Called with each entry; returns why it fails, or None.
        answer: Called with each request's entries before anything is published; returns a failure
            of the whole call, an exception of the network, or None.
        lose_answer: What calls raise after they have published.
        published: What subscribers get; a deduplication id counts once.
        calls: The entries of each call.
    """

    refuse: Callable[[Published], EntryFailure | None] = lambda _: None
    answer: Callable[[list[Published]], Failure | Exception | None] = lambda _: None
    lose_answer: BaseException | None = None
    published: list[Published] = field(default_factory=list[Published])
    calls: list[list[Published]] = field(default_factory=list[list[Published]])
    _seen: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.client: Any = _SESSION.create_client(
            "sns",
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self.client.meta.events.register("before-send", self._send)

    def forget_deduplication(self) -> None:
        """Let five minutes pass."""
        self._seen.clear()

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        entries = _entries(dict(parse_qsl(_text(request.body))))
        self.calls.append([entry for _, entry in entries])
        failure = self.answer([entry for _, entry in entries])
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            error = f"<ErrorResponse><Error><Code>{failure.code}</Code><Message/></Error></ErrorResponse>"
            return AWSResponse(request.url, failure.status, _NO_HEADERS, _Raw(error))
        successful, failed = "", ""
        for entry_id, entry in entries:
            refused = self.refuse(entry)
            if refused is None:
                self._publish(entry)
                successful += f"<member><Id>{entry_id}</Id><MessageId>m</MessageId></member>"
                continue
            code, fault = escape(refused.code), str(refused.sender_fault).lower()
            failed += f"<member><Id>{entry_id}</Id><Code>{code}</Code><SenderFault>{fault}</SenderFault></member>"
        if self.lose_answer is not None:
            raise self.lose_answer
        result = f"<Successful>{successful}</Successful><Failed>{failed}</Failed>"
        body = f"<PublishBatchResponse><PublishBatchResult>{result}</PublishBatchResult></PublishBatchResponse>"
        return AWSResponse(request.url, 200, _NO_HEADERS, _Raw(body))

    def _publish(self, entry: Published) -> None:
        if entry.deduplication_id not in self._seen:
            self._seen.add(entry.deduplication_id)
            self.published.append(entry)


def _entries(form: dict[str, str]) -> list[tuple[str, Published]]:
    entries: list[tuple[str, Published]] = []
    while f"PublishBatchRequestEntries.member.{len(entries) + 1}.Id" in form:
        prefix = f"PublishBatchRequestEntries.member.{len(entries) + 1}."
        attributes = {
            form[f"{prefix}MessageAttributes.entry.{at}.Name"]: form[
                f"{prefix}MessageAttributes.entry.{at}.Value.StringValue"
            ]
            for at in (1, 2)
        }
        published = Published(
            form[f"{prefix}MessageGroupId"],
            form[f"{prefix}MessageDeduplicationId"],
            json.loads(form[f"{prefix}Message"]),
            attributes,
        )
        entries.append((form[f"{prefix}Id"], published))
    return entries


def _text(body: object) -> str:
    return body if isinstance(body, str) else cast("bytes", body).decode("ascii")


class _Raw:
    def __init__(self, content: str) -> None:
        self._content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._content.encode()
