"""The JSON log lines of LogUserChangesFunction."""

import json
from collections.abc import Callable
from typing import Any

from local.output import FunctionLog
from local.state import clients_of
from tests.support.local.local_stack import LocalStack
from tests.support.local.mapped_function import eventually

LogLine = dict[str, Any]


class ChangeLog:
    """The log of a stack's changes, from its beginning."""

    def __init__(self, stack: LocalStack) -> None:
        self._log = FunctionLog(clients_of(stack).logs, stack.outputs.log_user_changes_function_name)
        self._lines: list[LogLine] = []

    def lines(self) -> list[LogLine]:
        """Return every structured line so far."""
        self._lines += [json.loads(event.message) for event in self._log.read() if event.message.startswith("{")]
        return self._lines

    def about(self, user_id: str) -> list[LogLine]:
        """Return the lines about one user."""
        return [line for line in self.lines() if line.get("userId") == user_id]

    def eventually_about(self, user_id: str, holds: Callable[[list[LogLine]], bool]) -> list[LogLine]:
        """Wait until `holds` accepts the lines about one user, and return them."""
        return eventually(lambda: self.about(user_id), holds)
