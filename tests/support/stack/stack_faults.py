"""What goes wrong with a stack, as its metrics show it, and which alarms ring for it.

Each fault begins at a minute of a `Day` and lasts for FAULT_MINUTES.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.support.stack.alarm_day import NOON, Day, Measured

FAULT_MINUTES = 120
DURING = range(NOON, NOON + FAULT_MINUTES)

FUNCTIONS = (
    "RegisterUser",
    "ConfirmRegistration",
    "SendRegistrationMail",
    "ManageUsers",
    "LogUserChanges",
    "FanOutUserChanges",
    "PublishUserEvents",
    "RescueFailedBatches",
)


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        happens: changes a day's metrics.
        rings: the alarms that have to ring, with the minutes that each may take.
        at_ten: whether it shows at ten users too.
        rings_at_ten: what rings there alone, because each error does.
    """

    happens: Callable[[Day], None]
    rings: Mapping[str, int]
    at_ten: bool = True
    rings_at_ten: Mapping[str, int] = field(default_factory=dict[str, int])


def _set(day: Day, name: str, resource: str, value: Callable[[int], float | None]) -> None:
    """Set a metric while the fault lasts; `value` gets the minutes since it began."""
    measured = Measured(name, resource)
    series = list(day[measured])
    for minute in DURING:
        series[minute] = value(minute - NOON)
    day[measured] = series


def _share(day: Day, name: str, of: str, resource: str, share: float) -> None:
    """Let a share of the calls fail, and one at least if there is any."""
    calls = day[Measured(of, resource)]
    _set(day, name, resource, lambda since: max(1, share * (calls[NOON + since] or 0)) if calls[NOON + since] else None)


def _call_rescue(day: Day) -> None:
    """Let a pointer come once a minute: the rescue is called for nothing else."""
    _set(day, "Invocations", "RescueFailedBatchesFunction", lambda _: 1)


def _broken(function: str) -> Callable[[Day], None]:
    def happens(day: Day) -> None:
        if function == "RescueFailedBatches":
            _call_rescue(day)
        _share(day, "Errors", "Invocations", f"{function}Function", 1)

    return happens


def _throttled(function: str) -> Callable[[Day], None]:
    def happens(day: Day) -> None:
        if function == "RescueFailedBatches":
            _call_rescue(day)
        resource = f"{function}Function"
        _share(day, "Throttles", "Invocations", resource, 1)
        for name in ("Invocations", "Errors", "Duration"):
            _set(day, name, resource, lambda _: None)

    return happens


def _slow(function: str) -> Callable[[Day], None]:
    """An invocation takes 15 minutes, as long as Lambda allows any."""

    def happens(day: Day) -> None:
        _set(day, "Duration", f"{function}Function", lambda _: 900_000)

    return happens


def _server_errors(day: Day) -> None:
    _share(day, "5xx", "Count", "api", 0.05)


def _no_registration(day: Day) -> None:
    """Every registration ends in a 5xx, whatever its cause."""
    _share(day, "RegistrationServerErrors", "RegistrationRequests", "", 1)
    _share(day, "5xx", "Count", "api", 0.4)


def _late_changes(share: float) -> Callable[[Day], None]:
    return lambda day: _share(day, "ChangesLoggedLate", "ChangesLogged", "", share)


def _slow_answers(day: Day) -> None:
    _set(day, "Latency", "api", lambda _: 12_000)


def _broken_client(day: Day) -> None:
    _share(day, "4xx", "Count", "api", 0.9)


def _flood(day: Day) -> None:
    _set(day, "Count", "api", lambda _: 30_000)
    _set(day, "4xx", "api", lambda _: 25_000)
    _set(day, "ThrottledRequests", "", lambda _: 24_500)


def _late(function: str) -> Callable[[Day], None]:
    """The stream's batches stop, so the age of what is delivered grows with the time."""

    def happens(day: Day) -> None:
        _set(day, "IteratorAge", f"{function}Function", lambda since: 60_000 * (since + 1))

    return happens


def _not_polled(mapping: str) -> Callable[[Day], None]:
    return lambda day: _set(day, "PolledEventCount", mapping, lambda _: None)


def _another_stream(mapping: str) -> Callable[[Day], None]:
    return lambda day: _set(day, "PolledEventCount", mapping, lambda _: 0)


def _destination_denied(function: str) -> Callable[[Day], None]:
    def happens(day: Day) -> None:
        _set(day, "DestinationDeliveryFailures", f"{function}Function", lambda since: 1 if since == 0 else 0)

    return happens


def _waits_in(queue: str) -> Callable[[Day], None]:
    """One message stays in a queue; SQS stops measuring it when nobody asks for it."""

    def happens(day: Day) -> None:
        measured_for = 30
        _set(day, "ApproximateNumberOfMessagesVisible", queue, lambda since: 1 if since < measured_for else None)
        _set(day, "ApproximateAgeOfOldestMessage", queue, lambda since: 60 * (since + 1))

    return happens


def _poison(day: Day) -> None:
    """One record crashes log_user_changes: it is isolated, retried, given up, rescued."""
    errors = [1.0, 2.0, 1.0]
    _set(day, "Errors", "LogUserChangesFunction", lambda since: errors[since] if since < len(errors) else 0)
    _set(day, "NumberOfMessagesSent", "UserChangesFailureQueue", lambda since: 1 if since == len(errors) else None)
    _waits_in("UserChangesDeadLetterQueue")(day)


def _rescue_stuck(day: Day) -> None:
    _call_rescue(day)
    _share(day, "Errors", "Invocations", "RescueFailedBatchesFunction", 1)
    _set(day, "NumberOfMessagesSent", "UserChangesFailureQueue", lambda since: 1 if since == 0 else None)
    _waits_in("UserChangesFailureQueue")(day)


_AGE_MINUTES = 11
"""iteratorAgeAlarmSeconds, and a minute."""
_POINTER_MINUTES = 16

FAULTS: dict[str, Fault] = {
    **{f"{each} broken": Fault(_broken(each), {f"{each}Errors": 1}) for each in FUNCTIONS},
    **{f"{each} throttled": Fault(_throttled(each), {f"{each}Throttles": 1}) for each in FUNCTIONS},
    **{f"{each} slow": Fault(_slow(each), {f"{each}Duration": 1}) for each in FUNCTIONS},
    "one request in twenty gets a 5xx": Fault(_server_errors, {"ApiServerErrors": 1}),
    "answers take 12 s": Fault(_slow_answers, {"ApiLatency": 3}),
    "no registration is answered": Fault(
        _no_registration, {"ApiServerErrors": 1, "RegistrationsBurnFast": 6, "RegistrationsBurnSlow": 20}
    ),
    "every change is logged late": Fault(_late_changes(1), {"ChangesBurnFast": 10, "ChangesBurnSlow": 45}),
    # Fewer than 60 requests a minute say nothing of a client, nor does a flood come from ten users.
    "a client with a bug": Fault(_broken_client, {"ApiClientErrors": 3}, at_ten=False),
    "a flood": Fault(_flood, {"ApiThrottles": 3}),
    "Activity refuses writes": Fault(_late("LogUserChanges"), {"IteratorAge": _AGE_MINUTES}),
    "the topic refuses changes": Fault(_late("FanOutUserChanges"), {"FanOutUserChangesIteratorAge": _AGE_MINUTES}),
    "the mapping is disabled": Fault(_not_polled("users-stream"), {"StreamNotPolled": 5, "WritesNotPolled": 45}),
    "Activity's mapping is disabled": Fault(
        _not_polled("activity-stream"), {"FanOutUserChangesStreamNotPolled": 5, "FanOutUserChangesWritesNotPolled": 45}
    ),
    "the table has a new stream": Fault(_another_stream("users-stream"), {"WritesNotPolled": 45}),
    "Activity has a new stream": Fault(_another_stream("activity-stream"), {"FanOutUserChangesWritesNotPolled": 45}),
    "a pointer is refused": Fault(_destination_denied("LogUserChanges"), {"DestinationDeliveryFailures": 1}),
    "a pointer to Activity is refused": Fault(
        _destination_denied("FanOutUserChanges"), {"FanOutUserChangesDestinationDeliveryFailures": 1}
    ),
    "a poison record": Fault(
        _poison, {"FailedBatches": 4, "DeadLetterQueueDepth": 1}, rings_at_ten={"LogUserChangesErrors": 1}
    ),
    "the rescue can't reach the dead-letter queue": Fault(
        _rescue_stuck,
        {
            "RescueFailedBatchesErrors": 1,
            "FailedBatches": 1,
            "FailureQueueDepth": 1,
            "FailureQueueAge": _POINTER_MINUTES,
        },
    ),
    "the rescue gave up": Fault(_waits_in("UserChangesFailureRedriveQueue"), {"FailureRedriveQueueDepth": 1}),
    "no mail can be sent": Fault(_waits_in("RegistrationMailsQueue"), {"RegistrationMailsQueueAge": _POINTER_MINUTES}),
    "a mail was given up": Fault(
        _waits_in("RegistrationMailsDeadLetterQueue"), {"RegistrationMailsDeadLetterQueueDepth": 1}
    ),
    "a consumer is behind": Fault(_waits_in("PublishUserEventsQueue"), {"PublishUserEventsQueueAge": _AGE_MINUTES}),
    "a consumer's failures aren't rescued": Fault(
        _waits_in("PublishUserEventsFailureQueue"), {"PublishUserEventsFailureQueueAge": _POINTER_MINUTES}
    ),
}
