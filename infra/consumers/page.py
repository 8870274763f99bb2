"""docs/consumers.md: for each declared consumer what it gets, and what to do about its alarms.

`python -m ops.generate_docs` writes it. The alarms on the consumer of the Users table's stream have
their sections in docs/runbook.md.
"""

import re
import textwrap
from collections.abc import Sequence

from infra.consumers.declaration import Consumer, Source

_INTRODUCTION = """\
<!-- Written by `python -m ops.generate_docs` from infra/consumers/. Don't edit it. -->

# Consumers of users' changes

One section per declared consumer, and in it one per alarm. The heading is the alarm's name without
the environment. Replace `ENV` by the environment. [runbook.md](runbook.md) says how to start, and
what a deadline is; [extending.md](extending.md) how to add a consumer; a
[decision](decisions/{decision}) why they are built so.

A consumer with a queue of its own never delays another one. It may get a change twice, and gets the
changes of one user in their order. A change that it can't process goes to the dead-letter queue,
and comes back to this consumer alone. A change is no longer there to be read once it has left
Activity, after `activityRetentionDays`: the consumer skips it.
"""

WIDTH = 100
_CODE = re.compile(r"`[^`]+`")

DECISION = "0041-consumers-behind-a-topic.md"

_STATUS = "python -m ops --stack ENV status"
_WATCH = f"{_STATUS} --watch 10"


def consumers_page(consumers: Sequence[Consumer]) -> str:
    """Return the page for these consumers, in Markdown."""
    return "\n".join([_INTRODUCTION.format(decision=DECISION), *map(_section, consumers)])


def alarm_sections(consumer: Consumer) -> dict[str, str]:
    """Return the alarms on a consumer whose sections this page has, each with its text."""
    if consumer.source is Source.USERS_STREAM:
        return {}
    own = _stream_alarms(consumer) if consumer.source is Source.ACTIVITY_STREAM else _queue_alarms(consumer)
    return {**own, **_function_alarms(consumer)}


def _section(consumer: Consumer) -> str:
    rows = "\n".join(f"| {what} | {value} |" for what, value in _facts(consumer))
    parts = [f"## {consumer.logical_name}", f"{consumer.description}.", f"| | |\n| --- | --- |\n{rows}"]
    sections = alarm_sections(consumer)
    if not sections:
        parts.append("Its alarms are in [runbook.md](runbook.md#streamnotpolled).")
    parts += [f"### {name}\n\n{text}" for name, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def _facts(consumer: Consumer) -> list[tuple[str, str]]:
    common = [
        ("code", f"`functions/{consumer.folder}/`, declared in `infra/consumers/{consumer.folder}.py`"),
        ("log", f"`/aws/lambda/{consumer.base_name}-ENV`"),
    ]
    if consumer.source is Source.USERS_STREAM:
        return [("reads", "the stream of the Users table"), *common]
    if consumer.source is Source.ACTIVITY_STREAM:
        return [("reads", "what is added to Activity, by its stream"), *common]
    backfilled = "and of users that a backfill added" if consumer.backfilled else "none that a backfill added"
    return [
        ("gets", f"changes {', '.join(consumer.kinds)}; {backfilled}"),
        (
            "batches",
            (
                f"up to {consumer.batch_size} changes, {consumer.maximum_concurrency} at a time, "
                f"{consumer.timeout_seconds} s and {consumer.memory_mb} MB each"
            ),
        ),
        ("a change is tried", f"{consumer.maximum_receives} times"),
        ("queues", f"`{consumer.queue_name('ENV')}`, then `{consumer.failure_queue_name('ENV')}`"),
        *common,
    ]


def _text(what: str, steps: Sequence[str], command: str) -> str:
    numbered = "\n".join(_step(number, *step.split("\n", 1)) for number, step in enumerate(steps, start=1))
    return f"{_wrapped(f'**What.** {what}')}\n\n{numbered}\n\n```sh\n{command}\n```"


def _step(number: int, text: str, *block: str) -> str:
    return "\n".join([_wrapped(f"{number}. {text}", indent="   "), *block])


def _wrapped(text: str, indent: str = "") -> str:
    # A command isn't broken.
    text = _CODE.sub(lambda code: code[0].replace(" ", "\0"), text)
    filled = textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return filled.replace("\0", " ")


def _function_alarms(consumer: Consumer) -> dict[str, str]:
    name, log = consumer.base_name, f"`/aws/lambda/{consumer.base_name}-ENV`"
    listed = f"python -m ops --stack ENV dlq list --consumer {consumer.logical_name}"
    queued = consumer.has_queue
    throttle = (
        'Other functions use up the account\'s concurrency: Lambda console, "Concurrent executions". '
        f"At most {consumer.maximum_concurrency} of its own run at once."
        if queued
        else "As in [LogUserChangesThrottles](runbook.md#loguserchangesthrottles)."
    )
    smaller = (
        f"lower `batch_size` or raise `timeout_seconds` in `infra/consumers/{consumer.folder}.py`"
        if queued
        else "lower `userstream:streamBatchSize` or raise `userstream:streamTimeoutSeconds`"
    )
    return {
        f"{consumer.prefix}Errors": _text(
            f"Invocations of {name} raise an exception or time out. The whole batch is retried; what still "
            "fails goes to the dead-letter queue.",
            [
                f"The log has the reason: {log}. A denied action: `pulumi up --refresh`.",
                "After a deployment, suspect the new code: roll back (`git revert`, `pulumi up`), then fix it.",
                "Once fixed, see what failed meanwhile, and `dlq replay` it:",
            ],
            listed,
        ),
        f"{consumer.prefix}Throttles": _text(
            f"{name} was throttled. Its changes wait; those of other consumers don't.", [throttle], _WATCH
        ),
        f"{consumer.prefix}Duration": _text(
            f"An invocation of {name} took more than 80 % of its timeout. A timeout fails the whole batch.",
            [f"What it calls answers slowly: {log}.", f"Otherwise {smaller}, and `pulumi up`."],
            _STATUS,
        ),
    }


def _queue_alarms(consumer: Consumer) -> dict[str, str]:
    prefix = consumer.prefix
    return {
        f"{prefix}QueueAge": _text(
            f"A change has waited for {consumer.base_name} longer than `iteratorAgeAlarmSeconds`, so "
            f"{consumer.logical_name} is behind. **Deadline:** the queue keeps a change for `failureRetentionDays`.",
            [
                (
                    f"Errors or throttles: continue in [{prefix}Errors](#{prefix.lower()}errors) or "
                    f"[{prefix}Throttles](#{prefix.lower()}throttles). A change that fails waits longer before each "
                    "try, and the same user's later ones wait with it."
                ),
                (
                    "No invocations: its event source mapping is off, or has no permission. `pulumi up --refresh` "
                    "repairs both."
                ),
                (
                    "Neither, but more changes than usual: let it catch up, or raise `maximum_concurrency` in "
                    f"`infra/consumers/{consumer.folder}.py`, and `pulumi up`."
                ),
            ],
            _WATCH,
        ),
        f"{prefix}FailureQueueAge": _text(
            f"A change that {consumer.base_name} didn't take waits in the failure queue, and the rescue doesn't "
            "move it to the dead-letter queue. **Deadline:** the queue keeps it for `failureRetentionDays`.",
            [
                (
                    "The rescue's log says what fails: `/aws/lambda/RescueFailedBatchesFunction-ENV`. See "
                    "[RescueFailedBatchesErrors](runbook.md#rescuefailedbatcheserrors)."
                ),
                "No errors and no invocations: its event source mapping is off. `pulumi up --refresh`.",
                "Once the rescue works it takes the change without your help.",
            ],
            _STATUS,
        ),
    }


def _stream_alarms(consumer: Consumer) -> dict[str, str]:
    prefix, name = consumer.prefix, consumer.base_name
    return {
        f"{prefix}StreamNotPolled": _text(
            "The event source mapping has not polled Activity's stream for five minutes: no consumer with a queue "
            "gets changes; log and history do. **Deadline:** a change leaves the stream 24 hours after it was "
            "written.",
            [f"As in [StreamNotPolled](runbook.md#streamnotpolled), for the mapping of {name}."],
            _WATCH,
        ),
        f"{prefix}WritesNotPolled": _text(
            "Activity is written, and the event source mapping finds no record in the stream that it polls, in three "
            "quarters of an hour within a day. **Deadline:** a change leaves the stream 24 hours after it was written.",
            [f"As in [WritesNotPolled](runbook.md#writesnotpolled), for the mapping of {name}."],
            _STATUS,
        ),
        f"{prefix}IteratorAge": _text(
            f"Changes reach {name} late, so all consumers with a queue are behind. **Deadline:** the mapping's "
            "maximum record age; older records are rescued to the dead-letter queue.",
            [
                (
                    f"Errors or throttles: continue in [{prefix}Errors](#{prefix.lower()}errors) or "
                    f"[{prefix}Throttles](#{prefix.lower()}throttles)."
                ),
                (
                    "Neither: as in [IteratorAge](runbook.md#iteratorage). Concurrent batches of a shard are no remedy "
                    "here: they would lose the order of a user's changes."
                ),
            ],
            _WATCH,
        ),
        f"{prefix}DestinationDeliveryFailures": _text(
            "The mapping gave up on records of Activity's stream and could not send the pointer: the consumers "
            "with a queue miss these changes; log and history have them. **Deadline:** 24 hours after the records "
            "were written.",
            [
                (
                    "The function's role lacks `sqs:SendMessage` on the failure queue, or the queue was deleted: "
                    "`pulumi up --refresh` repairs both. Do this first, so that it doesn't happen again."
                ),
                (
                    "Every change of the last 24 hours is still in the stream. Deliver all of them again; a new "
                    "mapping starts at the oldest record, and consumers get those changes twice:\n"
                    f"   ```sh\n   pulumi up --stack ENV --replace '**::{consumer.source.value}'\n   ```"
                ),
            ],
            _STATUS,
        ),
    }
