"""What takes the emulator (ministack 1.5.33) long without need, done in less time or earlier.

- Before each message of a FIFO topic or queue it copies all ids of the last five minutes, to leave
  out those that are too old. They expire in the order in which they came, so only the first are
  looked at here.
- It loads botocore's model of a service when the service first answers, and the deployment waits.
  Here they are loaded while the program that deploys is still being imported.
"""

import importlib
import threading
import time
from collections.abc import Iterable
from itertools import takewhile
from typing import Any


def forget_expired(entries: dict[str, Any], now: float) -> None:
    """Remove the entries that have expired from a dictionary in the order of their expiry.

    Each has the time in seconds since the epoch as `expire`.
    """
    for key in list(takewhile(lambda key: entries[key]["expire"] <= now, entries)):
        del entries[key]


def forget_ids_in_order() -> None:
    """Let topics and queues forget the deduplication ids that have expired, and read no others."""

    def prune(topic_or_queue: dict[str, Any]) -> None:
        forget_expired(topic_or_queue.setdefault("dedup_cache", {}), time.time())

    topics: Any = importlib.import_module("ministack.services.sns")
    queues: Any = importlib.import_module("ministack.services.sqs")
    topics._prune_sns_dedup = queues._prune_dedup = prune  # noqa: SLF001


def load_models_early(services: Iterable[str]) -> None:
    """Load botocore's models of the emulator's services in a thread of their own."""
    responses: Any = importlib.import_module("ministack.core.responses")

    def load() -> None:
        for service in services:
            responses._service_model(service)  # noqa: SLF001  keeps each

    threading.Thread(target=load, name="models", daemon=True).start()
