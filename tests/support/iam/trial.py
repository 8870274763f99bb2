"""One attempt at something the stack can do, with all permissions or with one less."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from botocore.exceptions import ClientError

from tests.support.iam.bench import SECONDS, Bench, LogReader
from tests.support.iam.permissions import Permission
from tests.support.raw_http import RawAnswer

WORKED = "worked"


class Trial(NamedTuple):
    """What an attempt acts on, and what it looks out for."""

    bench: Bench
    permission: Permission
    """The one in question."""
    refusal: str | None
    """The words that tell of its lack; None while nothing lacks."""

    def seen(self, worked: Callable[[], bool], *logs: LogReader) -> str:
        """Wait until it worked, or a log's line has the words of the refusal.

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
        return f"nothing to be seen within {SECONDS:g} s"

    def answered(self, answer: RawAnswer, status: int, log: LogReader) -> str:
        """Look at the API's answer, and where it isn't the wanted one, wait for what its function says of it."""
        return WORKED if answer.status == status else f"{answer.status}, {self.seen(lambda: False, log)}"

    def let_through(self, call: Callable[[], object]) -> str:
        """Make a call, and see whether IAM lets it through, whatever comes of it then."""
        try:
            call()
        except ClientError as error:
            if "AccessDenied" in error.response.get("Error", {}).get("Code", ""):
                return str(error)
        return WORKED


def _first(words: str, logs: Iterable[LogReader]) -> str | None:
    return next((line for log in logs for line in log() if words in line), None)
