"""Follows requests through a stack: logs, the user, the history, the dead-letter queue.

Nothing is found by a request's id alone but lines of logs, and those name users. A user's item and
history say which of their changes the request made; the closing item says it of a deletion.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from functions.activity.closing_item import is_deletion_note
from functions.activity.items import is_key
from functions.dead_letters.envelope import request_of
from functions.runtime.json_log import Json, JsonObject, utc_timestamp
from functions.runtime.trace import stored_trace
from functions.stream_records.attribute_values import Image
from functions.users.user import CHANGED_BY
from infra.naming import access_log_groups, function_log_group
from ops.aws.logs import LogLine
from ops.aws.services import Services
from ops.dead_letters.message import DeadLetter, read_dead_letter
from ops.dead_letters.peek import Peek, unread_remark
from ops.errors import NotFoundError, UnreadableRecordError
from ops.job import Job
from ops.output import shortened
from ops.stack_outputs import function_names
from ops.trace.wanted import Wanted

_LAMBDA_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INVOCATION_SECONDS = 60
"""How long after its line in the access log an invocation may still write: API Gateway waits 30
seconds for it (API Gateway developer guide, "Quotas for HTTP APIs"), and clocks differ."""

MOST_REQUESTS = 50
MOST_USERS = 100
"""Of one trace: whoever sends a batch of requests under one id gets the first of them."""

_SHOWN = (
    *("route", "routeKey", "status", "problem", "kind", "origin", "consumer", "outcome", "actor", "callerArn"),
    *("changedFields", "changeId", "sequenceNumber", "failureId", "receives", "reason", "cause", "error"),
    *("integrationError", "milliseconds", "responseLatency", "functionRequestId"),
)
"""Members of a line that are shown: none has a value of a user."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that a request did, or that followed from it."""

    at: str  # ISO 8601 in UTC with milliseconds; of stream records, and so of changes, whole seconds
    where: str
    what: str
    request_id: str | None
    user_id: str | None = None
    details: JsonObject = field(default_factory=dict[str, Json])
    rank: int = 0
    """Of two steps in one second, the one of the lower rank comes first."""


@dataclass
class Story:
    """What was found."""

    wanted: Wanted
    users: list[str]
    steps: list[Step]
    groups: list[str]
    """The log groups that were searched."""
    remarks: list[str]

    def in_order(self) -> list[Step]:
        """Return the steps as they happened, as far as their times tell."""
        return sorted(self.steps, key=lambda step: (step.at[:19], step.rank, step.at))


def follow(services: Services, wanted: Wanted, user_ids: Iterable[str], job: Job, *, since: float) -> Story:
    """Search a stack for what wanted requests did since a time, in seconds since the epoch.

    `user_ids` are users whose history is read even if no log names them.
    """
    story = Story(wanted, [*user_ids], [], [], [])
    _read_logs(services, story, job, since)
    for user_id in story.users:
        if job.stop_requested():
            break
        _read_user(services, story, user_id)
    if not job.stop_requested():
        _read_dead_letters(services, story, job)
    return story


def _read_logs(services: Services, story: Story, job: Job, since: float) -> None:
    functions = [(name, (function_log_group(name),)) for name in function_names(services.outputs)]
    places = [("access log", access_log_groups(services.outputs.environment)), *functions]
    until = job.now()
    if story.wanted.trace_id is not None:
        # Only the functions' own lines have a traceparent; they name the requests.
        lines: list[LogLine] = []
        for _, groups in functions:
            if job.stop_requested():
                return
            lines += _lines(services, story, groups, since, until)
        found = dict.fromkeys(_text(line.fields, "requestId") for line in sorted(lines, key=lambda line: line.at))
        ids = [one for one in found if one is not None]
        if len(ids) > MOST_REQUESTS:
            story.remarks.append(f"Only the first {MOST_REQUESTS} of {len(ids):,} requests are shown.")
        story.wanted = story.wanted.with_requests(ids[:MOST_REQUESTS])
    for done, (where, groups) in enumerate(places):
        if job.stop_requested():
            return
        for line in _lines(services, story, groups, since, until):
            story.steps.append(_step_of_line(where, line))
            _note_user(story, line.fields)
        job.report_progress(done + 1, len(places))
    _read_unanswered(services, story)
    if len(story.users) > MOST_USERS:
        story.remarks.append(f"The histories of only {MOST_USERS} of {len(story.users):,} users are read.")
        del story.users[MOST_USERS:]


def _lines(services: Services, story: Story, groups: tuple[str, ...], since: float, until: float) -> Iterator[LogLine]:
    """Yield the wanted lines of the first of these log groups that exists."""
    for group in groups:
        try:
            for pattern in story.wanted.patterns():
                yield from services.logs().lines(group, pattern, story.wanted.accepts, since, until)
        except NotFoundError:
            continue
        if group not in story.groups:
            story.groups.append(group)
        return
    remark = f"There is no log group {groups[0]}."
    if remark not in story.remarks:
        story.remarks.append(remark)


def _read_unanswered(services: Services, story: Story) -> None:
    """Read what Lambda wrote of invocations that the access log names, and that never answered.

    A function that crashed or ran out of time wrote no line of its own about the request.
    """
    answered = {step.request_id for step in story.steps if "route" in step.details}
    invoked = [step for step in story.steps if step.where == "access log" and step.request_id not in answered]
    outputs = services.outputs
    functions = (
        outputs.register_user_function_name,
        outputs.manage_users_function_name,
        outputs.confirm_registration_function_name,
    )
    for step in invoked:
        function_id = step.details.get("functionRequestId")
        if not isinstance(function_id, str) or not _LAMBDA_ID.fullmatch(function_id):
            continue  # "-": no function was invoked
        at = datetime.fromisoformat(step.at).timestamp()
        for name in filter(None, functions):
            with suppress(NotFoundError):
                story.steps += [
                    Step(
                        at=utc_timestamp(line.at),
                        where=name,
                        what=shortened(line.text.strip()),
                        request_id=step.request_id,
                        rank=1,
                    )
                    for line in services.logs().texts(
                        function_log_group(name), function_id, at - _INVOCATION_SECONDS, at + _INVOCATION_SECONDS
                    )
                ]


def _step_of_line(where: str, line: LogLine) -> Step:
    fields = line.fields
    return Step(
        at=utc_timestamp(line.at),
        where=where,
        what=_text(fields, "message") or "request",
        request_id=_text(fields, "requestId"),
        user_id=_text(fields, "userId") or _text(fields, "registration"),
        details={name: fields[name] for name in _SHOWN if name in fields},
        rank=0 if where == "access log" else 1 if "route" in fields else 4,
    )


def _note_user(story: Story, fields: Mapping[str, Json]) -> None:
    user_id = _text(fields, "userId") or _text(fields, "registration")
    if user_id is not None and is_key(user_id) and user_id not in story.users:
        story.users.append(user_id)


def _read_user(services: Services, story: Story, user_id: str) -> None:
    image = services.users().get(user_id)
    if image is not None:
        story.steps += _step_of_user(story.wanted, user_id, image)
    for item in services.activity().items(user_id):
        trace = stored_trace(item)
        if trace is None or not story.wanted.accepts_trace(trace):
            continue
        noted = is_deletion_note(item)
        story.steps.append(
            Step(
                at=item.get("occurredAt", {}).get("S", ""),
                where="Activity",
                what="deletion noted" if noted else f"change {item.get('kind', {}).get('S', '')}",
                request_id=trace.request_id,
                user_id=user_id,
                details=_details_of_item(item, noted=noted),
                rank=2 if noted else 3,
            )
        )


def _step_of_user(wanted: Wanted, user_id: str, image: Image) -> Iterator[Step]:
    written: Json = image.get(CHANGED_BY, {}).get("M", {})
    trace = stored_trace(written)
    version: Json = image.get("version")
    if trace is None or not wanted.accepts_trace(trace) or version is None or written.get("version") != version:
        return
    yield Step(
        at=image.get("updatedAt", {}).get("S", ""),
        where="Users",
        what="stored so",
        request_id=trace.request_id,
        user_id=user_id,
        details={"version": version.get("N"), "actor": written.get("actor", {}).get("S")},
        rank=2,
    )


def _details_of_item(item: Image, *, noted: bool) -> JsonObject:
    details: JsonObject = {"actor": item.get("actor", {}).get("S")}
    if "version" in item:
        details["version"] = item["version"].get("N")
    if not noted:
        fields = item.get("changes", {}).get("M", {})
        details |= {"changedFields": sorted(fields), "changeId": item["changeId"].get("S")}
    return details


def _read_dead_letters(services: Services, story: Story, job: Job) -> None:
    queue, store, outputs = services.dead_letter_queue(), services.envelopes(), services.outputs
    deleted = {step.user_id for step in story.steps if step.where == "Activity" and step.what == "deletion noted"}
    with Peek(queue, job.stop_requested) as peek:
        for message in peek.messages():
            letter = read_dead_letter(message, outputs)
            if letter.user_id in story.users:  # of others, no record is fetched from S3
                try:
                    letter = letter.fetched(store)
                except UnreadableRecordError as error:
                    story.remarks.append(error.message)
            if step := _step_of_letter(letter, story.wanted, deleted):
                story.steps.append(step)
        remark = unread_remark(peek, queue.depth(), "The dead-letter queue has more: `dlq list`.")
    if remark:
        story.remarks.append(remark)


def _step_of_letter(letter: DeadLetter, wanted: Wanted, deleted: set[str | None]) -> Step | None:
    envelope = letter.envelope
    if envelope is None:
        return None
    caused = request_of(envelope.record)
    # The record of a deletion names no request; the user's note does.
    by_note = letter.event_name == "REMOVE" and letter.user_id in deleted
    if not (wanted.accepts(caused) or by_note):
        return None
    return Step(
        at=envelope.first_failed_at,
        where="dead-letter queue",
        what=f"{letter.kind}: {letter.reason}",
        request_id=caused.get("requestId"),
        user_id=letter.user_id,
        details={"failureId": letter.failure_id, "consumer": letter.consumer_name},
        rank=5,
    )


def _text(fields: Mapping[str, Json], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
