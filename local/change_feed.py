"""Follows what changes in the emulator, in a thread of its own: local/emulator_changes.py tells.

Where nobody tells, at another emulator or while it is out of reach, everything counts as changed
several times a second: whoever follows then looks as often as without a feed.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from local.aws_clients import Clients
from local.emulator_changes import LONGEST_WAIT_SECONDS, PATH

_PAUSE_SECONDS = 0.05
"""Between two requests: what changes meanwhile is one change."""

_UNTOLD_SECONDS = 0.125
"""Between two looks while nobody tells."""

_ASK_AGAIN_SECONDS = 5.0
"""Whether somebody tells now."""

_SLACK_SECONDS = 5


class ChangeFeed:
    """Calls `on_change` with the topics that may have changed, in a thread, until `end`."""

    def __init__(self, clients: Clients, topics: Collection[str], on_change: Callable[[frozenset[str]], None]) -> None:
        """Prepare to follow these topics of the emulator of the clients; `start` begins."""
        self._url = f"{clients.endpoint_url}{PATH}"
        self._signer = SigV4Auth(Credentials(*clients.keys), "sts", clients.region)
        self._session = URLLib3Session(timeout=LONGEST_WAIT_SECONDS + _SLACK_SECONDS)
        self._topics = frozenset(topics)
        self._on_change = on_change
        self._ended = threading.Event()
        self._known: dict[str, int] = {}
        self._thread = threading.Thread(target=self._follow, name="changes", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def end(self) -> None:
        """Call nothing any more. May be called from any thread and from a signal handler."""
        self._ended.set()

    def _follow(self) -> None:
        while not self._ended.is_set():
            numbers = self._ask()
            if numbers is None:
                self._known = {}
                self._go_untold()
                continue
            changed = frozenset(topic for topic in self._topics if numbers.get(topic) != self._known.get(topic))
            self._known = {topic: numbers.get(topic, 0) for topic in self._topics}
            if changed and not self._ended.is_set():
                self._on_change(changed)
                self._ended.wait(_PAUSE_SECONDS)

    def _go_untold(self) -> None:
        ask_again_at = time.monotonic() + _ASK_AGAIN_SECONDS
        while not self._ended.is_set() and time.monotonic() < ask_again_at:
            self._on_change(self._topics)
            self._ended.wait(_UNTOLD_SECONDS)

    def _ask(self) -> Mapping[str, int] | None:
        """Return the topics' numbers once one has changed; None if nobody tells."""
        query = "&".join(f"{topic}={number}" for topic, number in sorted(self._known.items()))
        request = AWSRequest(method="GET", url=f"{self._url}?{query}")
        self._signer.add_auth(request)
        with contextlib.suppress(BotoCoreError, ValueError):
            response = self._session.send(request.prepare())
            if response.status_code == HTTPStatus.OK:
                return json.loads(response.content)
        return None


class ChangedTopics:
    """The topics that may have changed since each was last taken."""

    def __init__(self, clients: Clients, topics: Collection[str]) -> None:
        """Begin to follow these topics."""
        self._taking = threading.Lock()
        self._changed = set(topics)
        self._feed = ChangeFeed(clients, topics, self._add)
        self._feed.start()

    def take(self, topic: str) -> bool:
        """Return whether a topic may have changed since the last call for it."""
        with self._taking:
            changed = topic in self._changed
            self._changed.discard(topic)
        return changed

    def end(self) -> None:
        """Follow no longer."""
        self._feed.end()

    def _add(self, topics: frozenset[str]) -> None:
        with self._taking:
            self._changed |= topics
