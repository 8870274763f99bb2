"""What the emulator's Lambda leaves out of aliases: shares of traffic, metrics, and an end.

The emulator (ministack 1.5.33) invokes an alias's first version alone, and has metrics of direct
invocations, but none of those by API Gateway.
"""

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from operator import itemgetter
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import cloudwatch, lambda_svc

_SECONDS_PER_MINUTE = 60

_service: Any = lambda_svc
_metrics: Any = cloudwatch


def honour_shares() -> None:
    """Let an invocation of an alias go to each of its versions with that version's share.

    The two functions are all ways to an invocation that the local stack uses: of a service such as
    API Gateway, and of Lambda's own API, which the poller calls.
    """
    find: Callable[[str], Any] = _service._get_func_record_for_ref  # noqa: SLF001
    invoke: Callable[..., Awaitable[Any]] = _service._invoke  # noqa: SLF001

    def find_one_version(reference: str) -> Any:
        name, qualifier = _service._resolve_name_and_qualifier(reference)  # noqa: SLF001
        version = _drawn_version(name, qualifier)
        return find(f"{reference.removesuffix(qualifier)}{version}" if version else reference)

    async def invoke_one_version(
        name: str, event: Any, headers: Any, qualifier: str | None = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        asked = _service._qualifier_from_path_or_query(qualifier, query)  # noqa: SLF001
        return await invoke(name, event, headers, _drawn_version(name, asked) or qualifier, query)

    _service._get_func_record_for_ref = find_one_version  # noqa: SLF001
    _service._invoke = invoke_one_version  # noqa: SLF001


def _drawn_version(name: str, qualifier: str | None) -> str | None:
    """Return a version that has a share of an alias, as often as it has; None for the first one."""
    function: Mapping[str, Any] = _service._functions.get(name) or {}  # noqa: SLF001
    alias: Mapping[str, Any] = function.get("aliases", {}).get(qualifier) or {}
    point = random.random()  # noqa: S311  no secret
    for version, share in alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}).items():
        if point < share:
            return version
        point -= share
    return None


def count_invocations(note: Callable[[], None]) -> None:
    """Write the metrics of every invocation, whoever makes it, as Lambda does; `note` each point.

    Source: Lambda developer guide, "Types of metrics for Lambda functions": a throttled call counts
    as no invocation and as no error.
    """
    dispatch: Callable[..., Any] = _service._execute_function_dispatch  # noqa: SLF001
    take_slot: Callable[..., Any] = _service._acquire_execution_slot  # noqa: SLF001
    points = _Points(note)

    def dispatch_counted(function: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        result = dispatch(function, config, event, request_id, started)
        name = config.get("FunctionName", "")
        if result.get("throttle"):
            points.add(name, "Throttles", 1)
        else:
            points.add(name, "Invocations", 1)
            points.add(name, "Errors", 1 if result.get("error") else 0)
            points.add(name, "Throttles", 0)
            points.add(name, "Duration", round(1000 * (time.time() - started)))
        return result

    def take_slot_counted(function: Any, config: Any) -> Any:
        # A version's record lacks it: reserved concurrency is the function's, whatever is invoked.
        account, region, name = itemgetter(4, 3, 6)(config["FunctionArn"].split(":"))
        whole = _service._functions.get_scoped(account, region, name)  # noqa: SLF001
        slot = take_slot(whole or function, config)
        if slot[0] is None:
            points.add(config.get("FunctionName", ""), "Throttles", 1)
        return slot

    def nothing(*_: object, **__: object) -> None:
        return None

    _service._execute_function_dispatch = dispatch_counted  # noqa: SLF001
    _service._acquire_execution_slot = take_slot_counted  # noqa: SLF001
    _service._emit_lambda_metrics = nothing  # noqa: SLF001  it counts a throttle twice, and as an invocation


def end_unused_versions() -> None:
    """End idle processes of versions that no alias routes to, within a minute.

    The emulator keeps one of each version for ever, and a shared edit makes a version of every
    function.
    """
    reap: Callable[[], int] = _service.reap_idle_workers

    def reap_unused_too() -> int:
        ended = reap()
        workers: Mapping[str, list[Any]] = vars(lambda_runtime)["_workers"]
        for key, processes in list(workers.items()):
            account, region, name, version = key.split(":")
            function: Mapping[str, Any] = _service._functions.get_scoped(account, region, name) or {}  # noqa: SLF001
            aliases: list[Mapping[str, Any]] = list(function.get("aliases", {}).values())
            is_used = any(
                version == alias.get("FunctionVersion")
                or version in alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
                for alias in aliases
            )
            if aliases and not is_used and not any(process.in_use for process in processes):
                lambda_runtime.invalidate_worker(name, qualifier=version, account=account, region=region)
                ended += len(processes)
        return ended

    _service.reap_idle_workers = reap_unused_too


class _Points:
    """Points of the emulator's metrics: equal values of a minute are one point with their count."""

    def __init__(self, note: Callable[[], None]) -> None:
        self._note = note
        self._minute = 0
        self._points: dict[tuple[str, str, float], dict[str, Any]] = {}

    def add(self, function: str, metric: str, value: float) -> None:
        self._note()
        now = time.time()
        minute = int(now // _SECONDS_PER_MINUTE)
        if minute != self._minute:
            self._minute, self._points = minute, {}
        point = self._points.get((function, metric, value))
        if point is not None:
            point["Count"] += 1.0
            return
        dimensions = {"FunctionName": function}
        unit = "Milliseconds" if metric == "Duration" else "Count"
        _metrics.record_metric("AWS/Lambda", metric, value, unit, dimensions)
        key = ("AWS/Lambda", metric, _metrics._dims_key(dimensions))  # noqa: SLF001
        point = _metrics._metric_bucket(key)[-1]  # noqa: SLF001
        point["Count"] = 1.0
        self._points[function, metric, value] = point


def evaluate_no_alarms() -> None:
    """Leave alarms to local/alarms: the emulator ignores dimensions and forgets metric math."""

    def nothing(*_: object) -> None:
        return None

    _metrics._evaluate_alarm = _metrics._evaluate_all_alarms = nothing  # noqa: SLF001
