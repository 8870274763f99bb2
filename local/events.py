"""The events on the stack's bus: those in the archive, and those that are published from now on.

The archive is read as the emulator shows it (ministack's DescribeArchive has the events, which
AWS's hasn't) and not by a replay, which the emulator would deliver to every rule of the bus,
whatever FilterArns says. New events arrive by a rule and a queue of this process's own.
"""

import json
import os
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.text import Text

from functions.runtime.json_log import JsonObject, is_object
from local.aws_clients import Clients
from local.output import printable
from local.state import LocalStack, LocalStackError, is_process_running

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

EVERY_EVENT = json.dumps({"source": [{"prefix": ""}]})
MESSAGES_PER_CALL = 10  # SQS's maximum

_FOLLOWER = "FollowedBy"
"""What the names of a follower's rule and queue begin with; its process's id follows."""

_COLOURS = {"UserRegistered": "bold green", "UserChanged": "bold yellow", "UserDeleted": "bold red"}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def bus_of(stack: LocalStack) -> str:
    """Return the name of the stack's bus; raise LocalStackError if it publishes no events."""
    bus = stack.outputs.user_events_bus_name
    if bus is None:
        raise LocalStackError(
            "the stack publishes no events. Set userstream:userEventsEnabled to true in Pulumi.local.yaml, "
            "then: python -m local down, and make up"
        )
    return bus


def moment(text: str, now: datetime) -> datetime:
    """Return the time that a text names: `10m` ago (s, m, h, d), or ISO 8601; without zone UTC.

    Raises:
        ValueError: it names no time.
    """
    if age := re.fullmatch(r"([0-9]{1,6})([smhd])", text):
        try:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        except OverflowError as error:
            raise ValueError("before the year 1") from error
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def archived_events(stack: LocalStack, clients: Clients, since: datetime | None = None) -> list[JsonObject]:
    """Return the events in the archive, as rules get them, in the order of their publication.

    Raises:
        LocalStackError: the stack publishes no events.
    """
    bus_of(stack)
    events = clients.events
    events.meta.events.register("after-call.eventbridge.DescribeArchive", _keep_events, unique_id="archived-events")
    archive: Any = events.describe_archive(ArchiveName=str(stack.outputs.user_events_archive_name))
    found = [_as_delivered(each) for each in archive["Events"]]
    return [event for event in found if since is None or _published(event) >= since.replace(microsecond=0)]


def _keep_events(http_response: Any, parsed: JsonObject, **_: object) -> None:
    parsed["Events"] = json.loads(http_response.content).get("Events", [])


def _as_delivered(stored: Mapping[str, Any]) -> JsonObject:
    return {
        "version": "0",
        "id": stored["EventId"],
        "detail-type": stored["DetailType"],
        "source": stored["Source"],
        "account": stored["Account"],
        "time": datetime.fromtimestamp(stored["Time"], UTC).isoformat().replace("+00:00", "Z"),
        "region": stored["Region"],
        "resources": stored["Resources"],
        "detail": json.loads(stored["Detail"]),
    }


def _published(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])


class Follower:
    """A queue of this process that gets every event of the bus."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._sqs = clients.sqs
        self._queue_url = queue_url

    def new_events(self) -> Iterator[JsonObject]:
        """Yield the events that arrived since the last call, as rules get them."""
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=MESSAGES_PER_CALL
        ).get("Messages"):
            for message in messages:
                yield json.loads(message.get("Body", "{}"))
                self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message.get("ReceiptHandle", ""))


@contextmanager
def following(bus: str, clients: Clients) -> Generator[Follower]:
    """Follow a bus during the block; remove rule and queue then, and those of dead processes."""
    _remove_leftovers(bus, clients)
    name = f"{_FOLLOWER}{os.getpid()}"
    queue_url = clients.sqs.create_queue(QueueName=name)["QueueUrl"]
    try:
        queue_arn = clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
        clients.events.put_rule(Name=name, EventBusName=bus, EventPattern=EVERY_EVENT)
        target: Any = {"Id": name, "Arn": queue_arn["QueueArn"]}
        clients.events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
        yield Follower(clients, queue_url)
    finally:
        _remove(clients.events, bus, name)
        clients.sqs.delete_queue(QueueUrl=queue_url)


def _remove_leftovers(bus: str, clients: Clients) -> None:
    for rule in clients.events.list_rules(EventBusName=bus, NamePrefix=_FOLLOWER)["Rules"]:
        name = rule.get("Name", "")
        process_id = name.removeprefix(_FOLLOWER)
        if process_id.isdecimal() and not is_process_running(int(process_id)):
            _remove(clients.events, bus, name)
    for queue_url in clients.sqs.list_queues(QueueNamePrefix=_FOLLOWER).get("QueueUrls", []):
        process_id = queue_url.rpartition("/")[2].removeprefix(_FOLLOWER)
        if process_id.isdecimal() and not is_process_running(int(process_id)):
            clients.sqs.delete_queue(QueueUrl=queue_url)


def _remove(events: "EventBridgeClient", bus: str, name: str) -> None:
    events.remove_targets(Rule=name, EventBusName=bus, Ids=[name])
    events.delete_rule(Name=name, EventBusName=bus)


def readable_event(event: Mapping[str, Any]) -> Text:
    """Return an event as one line for people."""
    text = Text(_published(event).astimezone().strftime("%H:%M:%S "), style="dim")
    detail_type, detail = str(event.get("detail-type")), event.get("detail")
    text.append(printable(detail_type), style=_COLOURS.get(detail_type, "default"))
    if detail_type not in _COLOURS or not is_object(detail):
        return text.append(f" {printable(json.dumps(detail))}", style="default")
    text.append(f" {printable(detail.get('userId'))}", style="cyan")
    text.append(f"  version {printable(detail.get('version'))}", style="default")
    values = detail.get("values", {})
    for name in detail.get("changedFields", []):
        text.append(f"  {printable(name)}", style="dim")
        if name in values:
            value = values[name]
            text.append("=", style="dim")
            text.append(printable(value if isinstance(value, str) else json.dumps(value)), style="default")
    if detail.get("valuesOmitted"):
        text.append("  too large for values", style="magenta")
    if replay := event.get("replay-name"):
        text.append(f"  replay {printable(replay)}", style="magenta")
    return text
