"""One attempt at something the stack can do, with all permissions or without one of them."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from botocore.exceptions import ClientError

from tests.support.iam.bench import SECONDS, Bench, LogReader
from tests.support.iam.permissions import Permission
from tests.support.raw_http import RawAnswer

WORKED = "worked"


class Trial(NamedTuple):
    """What an attempt acts on, and which refusal it expects."""

    bench: Bench
    permission: Permission
    """The permission under test."""
    poller_log: LogReader
    """Reads from before the permission was removed, because the poller logs a refusal only once."""
    refusal: str | None
    """Words of the expected refusal; None if no permission is missing."""

    def wait_for(self, worked: Callable[[], bool], *logs: LogReader) -> str:
        """Wait until it worked, or until a log line has the words of the refusal.

        Returns:
            WORKED, or the line.
        """
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if worked():
                return WORKED
            refusal = self.refusal
            if refusal is not None and (line := _first(refusal, logs)) is not None:
                return line
            time.sleep(0.05)
        return f"neither success nor refusal within {SECONDS:g} s"

    def has_status(self, answer: RawAnswer, status: int, log: LogReader) -> str:
        """Return WORKED for the expected status, else wait for what the function logs."""
        return WORKED if answer.status == status else f"{answer.status}, {self.wait_for(lambda: False, log)}"

    def authorized(self, call: Callable[[], object]) -> str:
        """Make a call, and return whether IAM allows it, whatever its result."""
        try:
            call()
        except ClientError as error:
            if "AccessDenied" in error.response.get("Error", {}).get("Code", ""):
                return str(error)
        return WORKED


def _first(words: str, logs: Iterable[LogReader]) -> str | None:
    return next((line for log in logs for line in log() if words in line), None)
