"""Warm figures, AWS stubbed in process: registrations, and stream records at growing batch sizes."""

from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.harness.contestants import BARE, DUMPS, REGISTER, STREAM, STREAM_WITHOUT_ACTIVITY, Contestant, running
from benchmarks.harness.events import REGISTER_EVENT, batches, stream_event
from benchmarks.harness.paired import in_turn
from benchmarks.harness.same_work import kept, logged, registration, require_same_work
from benchmarks.harness.starts import function_environment

BATCH_SIZES = (1, 10, 100, 1000)
CALLS_A_ROUND = 300
RECORDS_A_ROUND = 2001
"""As many inserts as updates and deletes, one by one."""

NOWHERE = "http://127.0.0.1:9"
"""What is stubbed in process never gets there."""


def warm_register(rounds: int) -> dict[str, list[float]]:
    """Processor seconds per registration, round by round, for every contestant that answers requests."""
    handlers = {name: handler for name, handler in REGISTER.items() if name != BARE}
    with running(handlers, function_environment(NOWHERE)) as contestants:
        require_same_work(
            {name: registration(contestant.effects([REGISTER_EVENT])[0]) for name, contestant in contestants.items()}
        )
        return in_turn(_measures(contestants, CALLS_A_ROUND), rounds=rounds)


def stream_records(rounds: int) -> dict[tuple[int, bool], dict[str, list[float]]]:
    """Processor seconds per record by (batch size, with Activity), for log_user_changes and its yardsticks."""
    results: dict[tuple[int, bool], dict[str, list[float]]] = {}
    for with_activity, handlers in ((False, STREAM_WITHOUT_ACTIVITY), (True, STREAM)):
        environment = function_environment(NOWHERE) | {"WRITE_ACTIVITY": "true" if with_activity else "false"}
        with running(handlers, environment) as contestants:
            for size in BATCH_SIZES:
                events = batches(size)
                effects = {
                    name: contestant.effects(events) for name, contestant in contestants.items() if name != DUMPS
                }
                require_same_work(
                    {name: [(logged(each), kept(each)) for each in batch] for name, batch in effects.items()}
                )
                contestants[DUMPS].effects(events)
                per_call = in_turn(_measures(contestants, max(1, RECORDS_A_ROUND // size)), rounds=rounds)
                results[size, with_activity] = {
                    name: [seconds / size for seconds in samples] for name, samples in per_call.items()
                }
    return results


def aws_calls_per_record(batch_size: int) -> float:
    """AWS calls that one record of a full batch costs log_user_changes."""
    handlers = {"log_user_changes": STREAM["log_user_changes"]}
    with running(handlers, function_environment(NOWHERE)) as contestants:
        return len(contestants["log_user_changes"].effects([stream_event(batch_size)])[0]["requests"]) / batch_size


def _measures(contestants: Mapping[str, Contestant], calls: int) -> dict[str, Callable[[], float]]:
    return {name: partial(contestant.seconds_per_call, calls) for name, contestant in contestants.items()}
