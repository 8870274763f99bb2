"""The dead-letter queue for a function that seldom sends to it: loaded by the first sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.runtime.invocation import Clock, LambdaContext, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.dead_letters.envelope import FailedRecord, SendOutcome


class QueueWhenNeeded:
    """A `DeadLetterSender` of one invocation, as `queue_without_erased_users` returns it.

    Raise `SettingError` at once if an environment variable is missing.
    """

    def __init__(self, context: LambdaContext, clock: Clock) -> None:
        for name in ("DEAD_LETTER_QUEUE_URL", "FAILED_RECORDS_BUCKET", "ACTIVITY_TABLE"):
            read_text(name)
        self._context = context
        self._clock = clock

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        """See `DeadLetterSender`."""
        from functions.dead_letters.queue import queue_without_erased_users  # noqa: PLC0415  rarely needed

        return queue_without_erased_users(self._context, self._clock).send(failed_records)
