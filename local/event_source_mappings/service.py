"""Serves every event source mapping of an account, for as long as each is there as it is.

New mappings, changed ones and removed ones are seen within about a second.
"""

import contextlib
import queue
import time
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delivery.event_counts import EventCounts
from delivery.settings import MappingSettings, UnsupportedMappingError, read_settings
from functions.runtime.botocore_clients import AWS_CALL_ERRORS
from functions.runtime.json_log import Log
from local.aws_clients import ONE_ATTEMPT, Clients
from local.change_feed import ChangeFeed
from local.emulator_changes import MAPPINGS, RECORDS
from local.event_source_mappings.current_stream import CurrentStreams
from local.event_source_mappings.served_mapping import MappedFunction, ServedMapping
from local.event_source_mappings.status import MappingStatus, State, read_mappings, write_mappings

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_cloudwatch.type_defs import MetricDatumTypeDef
    from types_boto3_lambda import LambdaClient

_LOOK_SECONDS = 10.0
"""Between two looks at the account's mappings, if the feed tells of no change."""

_SHORTEST_LOOK_SECONDS = 1.0
"""Between two looks, whatever changes."""

_STATUS_SECONDS = 1.0
"""Between two looks at what the deliveries have counted."""

_DISABLED = frozenset({"Disabled", "Disabling"})
"""Source: Lambda API reference, EventSourceMappingConfiguration, State."""

_MINUTE = 60
_METRICS_PER_CALL = 1000
"""Source: CloudWatch API reference, PutMetricData."""


class MappingsService:
    """Delivers the mappings of one account, with all that it keeps below a directory.

    Args:
        clients: of the account.
        directory: gets `checkpoints/` and `mappings.json`.
        log: takes what happens to each mapping.
        only: UUIDs of the mappings to deliver; empty for all.
    """

    def __init__(self, clients: Clients, directory: Path, log: Log, only: Collection[str] = ()) -> None:
        self._clients = clients
        self._directory = directory
        self._log = log
        self._only = frozenset(only)
        self._lambda: LambdaClient = clients.create("lambda", ONE_ATTEMPT)
        self._cloudwatch: CloudWatchClient = clients.create("cloudwatch", ONE_ATTEMPT)
        self._streams = CurrentStreams(clients.create("dynamodb", ONE_ATTEMPT))
        self._served: dict[str, ServedMapping] = {}
        self._detached: dict[str, str] = {}
        """Served mappings that get nothing new, and why."""
        self._unserved: dict[str, MappingStatus] = {}
        self._counts = {status.uuid: EventCounts.from_metrics(status.counts) for status in read_mappings(directory)}
        """Of each mapping, from all its deliveries that have ended."""
        self._published = dict(self._counts)
        self._minute = _minute()
        self._written: list[MappingStatus] | None = None
        self._out_of_reach = False
        # A SimpleQueue's put is reentrant (documentation of `queue`): a signal handler may call it.
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ending = False
        self._mappings_changed = True
        self._feed = ChangeFeed(clients, (RECORDS, MAPPINGS), self._take)

    def end(self) -> None:
        """End all deliveries. May be called from any thread and from a signal handler."""
        self._ending = True
        self._feed.end()
        self._wakes.put(None)

    def run(self, grace_seconds: float) -> None:
        """Deliver until `end` is called; then wait this long for invocations in flight."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._feed.start()
        looked_at = -_LOOK_SECONDS
        while not self._ending:
            seconds = _SHORTEST_LOOK_SECONDS if self._mappings_changed else _LOOK_SECONDS
            if time.monotonic() - looked_at >= seconds:
                self._mappings_changed = False
                self._look(grace_seconds)
                looked_at = time.monotonic()
            if _minute() > self._minute:
                self._publish_counts()
            self._write_status()
            with contextlib.suppress(queue.Empty):
                self._wakes.get(timeout=_STATUS_SECONDS)
        self._end(list(self._served), grace_seconds)
        self._publish_counts()
        self._write_status()

    def _take(self, topics: frozenset[str]) -> None:
        """Take what the emulator tells of, in the feed's thread."""
        if RECORDS in topics:
            for served in list(self._served.values()):
                served.tell_written()
        if MAPPINGS in topics:
            self._mappings_changed = True

    def _look(self, grace_seconds: float) -> None:
        """Begin, end and begin again deliveries, as the account's mappings say now."""
        try:
            mappings = {mapping["UUID"]: mapping for mapping in self._list_mappings()}
            functions = {function["FunctionArn"]: function for function in self._list_functions()}
        except AWS_CALL_ERRORS as error:
            if not self._out_of_reach:
                self._log("WARNING", "MAPPINGS OUT OF REACH:", reason=str(error))
            self._out_of_reach = True
            return
        if self._out_of_reach:
            self._log("INFO", "MAPPINGS IN REACH AGAIN:")
        self._out_of_reach = False
        wanted: dict[str, MappedFunction] = {}
        unserved: dict[str, MappingStatus] = {}
        for uuid, mapping in mappings.items():
            if mapping.get("State") in _DISABLED:
                unserved[uuid] = self._without_delivery(mapping, "disabled", "it is disabled")
                continue
            try:
                wanted[uuid] = _mapped_function(mapping, functions)
            except UnsupportedMappingError as error:
                unserved[uuid] = self._without_delivery(mapping, "refused", str(error))
            except LookupError:
                unserved[uuid] = self._without_delivery(mapping, "waiting", "its function doesn't exist")
        self._log_unserved(unserved)
        changed = [uuid for uuid, served in self._served.items() if wanted.get(uuid) != served.mapped]
        for uuid in changed:
            change = "CHANGED" if uuid in wanted else "STOPPED" if uuid in unserved else "REMOVED"
            self._log("INFO", f"MAPPING {change}:", mapping=uuid)
        self._end(changed, grace_seconds)
        for uuid in wanted.keys() - self._served.keys():
            self._begin(wanted[uuid])
        self._look_at_streams()

    def _look_at_streams(self) -> None:
        """Find and log the served mappings whose stream's table writes to another one, or none."""
        detached: dict[str, str] = {}
        for uuid, served in self._served.items():
            settings = served.mapped.settings
            problem = self._streams.problem(settings.stream_arn) if isinstance(settings, MappingSettings) else None
            if problem:
                detached[uuid] = problem
                if uuid not in self._detached:
                    function = served.mapped.function_name
                    self._log("ERROR", "STREAM DETACHED:", mapping=uuid, function=function, reason=problem)
        self._detached = detached

    def _list_mappings(self) -> Iterator[Any]:
        for page in self._lambda.get_paginator("list_event_source_mappings").paginate():
            for mapping in page["EventSourceMappings"]:
                if not self._only or mapping.get("UUID") in self._only:
                    yield mapping

    def _list_functions(self) -> Iterator[Any]:
        for page in self._lambda.get_paginator("list_functions").paginate():
            yield from page["Functions"]

    def _without_delivery(self, mapping: Mapping[str, Any], state: State, reason: str) -> MappingStatus:
        return MappingStatus(
            uuid=mapping["UUID"],
            source_arn=mapping.get("EventSourceArn", ""),
            function_name=str(mapping.get("FunctionArn", "")).partition(":function:")[2],
            state=state,
            reason=reason,
            counts=self._counts.get(mapping["UUID"], EventCounts()).metrics(),
        )

    def _log_unserved(self, unserved: dict[str, MappingStatus]) -> None:
        for uuid, status in unserved.items():
            if self._unserved.get(uuid) != status:
                fields = {"mapping": uuid, "function": status.function_name, "reason": status.reason}
                self._log("ERROR" if status.state == "refused" else "WARNING", "NO DELIVERY:", **fields)
        self._unserved = unserved

    def _begin(self, mapped: MappedFunction) -> None:
        uuid = mapped.settings.uuid
        counts = self._counts.setdefault(uuid, EventCounts())
        self._served[uuid] = ServedMapping(self._clients, mapped, self._directory / "checkpoints", self._log, counts)
        self._served[uuid].start()

    def _end(self, uuids: Collection[str], grace_seconds: float) -> None:
        ended = [self._served.pop(uuid) for uuid in uuids]
        for served in ended:
            served.end(grace_seconds)
        for served in ended:
            served.join()
            self._counts[served.mapped.settings.uuid] = served.counts

    def _publish_counts(self) -> None:
        """Publish what was counted since the last minute, as AWS does for `EventCount` metrics."""
        minute, self._minute = self._minute, _minute()
        now = self._counts | {uuid: served.counts for uuid, served in self._served.items()}
        metrics: list[MetricDatumTypeDef] = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": "EventSourceMappingUUID", "Value": uuid}],
                "Timestamp": datetime.fromtimestamp(minute * _MINUTE, UTC),
                "Value": count,
                "Unit": "Count",
            }
            for uuid, counts in now.items()
            for name, count in (counts - self._published.get(uuid, EventCounts())).metrics().items()
            # As on AWS, polled is there whenever the mapping polls. An ended stream's shards are
            # read to their end and not polled again.
            if count or (name == "PolledEventCount" and uuid in self._served and uuid not in self._detached)
        ]
        for served in self._served.values():
            age = served.take_iterator_age()
            if age is not None:
                metrics.append(
                    {
                        "MetricName": "IteratorAge",
                        "Dimensions": [{"Name": "FunctionName", "Value": served.mapped.function_name}],
                        "Timestamp": datetime.fromtimestamp(minute * _MINUTE, UTC),
                        "Value": 1000 * age,
                        "Unit": "Milliseconds",
                    }
                )
        try:
            for start in range(0, len(metrics), _METRICS_PER_CALL):
                part = metrics[start : start + _METRICS_PER_CALL]
                self._cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=part)
        except AWS_CALL_ERRORS as error:
            self._log("WARNING", "COUNTS NOT PUBLISHED:", reason=str(error))
            return
        self._published = now

    def _write_status(self) -> None:
        served = [self._status_of(uuid) for uuid in self._served]
        statuses = [*served, *self._unserved.values()]
        statuses.sort(key=lambda status: (status.function_name, status.uuid))
        if statuses != self._written:
            write_mappings(self._directory, statuses)
            self._written = statuses

    def _status_of(self, uuid: str) -> MappingStatus:
        status = self._served[uuid].status()
        if status.state != "delivering" or uuid not in self._detached:
            return status
        return status.model_copy(update={"state": "detached", "reason": self._detached[uuid]})


def _mapped_function(mapping: Mapping[str, Any], functions: Mapping[str, Any]) -> MappedFunction:
    """Return a mapping with its function; raise LookupError if that doesn't exist."""
    settings = read_settings(mapping)
    # Those of the newest version, also for an alias that another one is live of.
    function = functions[":".join(settings.function_arn.split(":")[:7])]
    return MappedFunction(settings=settings, role_arn=function["Role"], timeout_seconds=function["Timeout"])


def _minute() -> int:
    return int(time.time()) // _MINUTE
