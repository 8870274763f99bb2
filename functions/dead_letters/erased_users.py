"""Leaves the records of erased users out of the dead-letter queue."""

from collections.abc import Sequence

from functions.activity.closing_items import ClosingItems, ReadItems
from functions.dead_letters.envelope import DeadLetterSender, FailedRecord, SendOutcome


class WithoutErasedUsers:
    """A `DeadLetterSender` that sends on what isn't a record of an erased user.

    `read` reads the closing items, of each sending anew: a rescue may send a million records.
    """

    def __init__(self, sender: DeadLetterSender, read: ReadItems) -> None:
        self._sender = sender
        self._read = read

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        """See `DeadLetterSender`; a record without a user's id is sent."""
        closing_items = ClosingItems(self._read)
        known, interruption = closing_items.look_up([record.user_id for record in failed_records])
        left_out = {at for at in range(known) if closing_items.is_erased(failed_records[at].user_id)}
        positions = [at for at in range(known) if at not in left_out]
        outcome = self._sender.send([failed_records[at] for at in positions]) if positions else SendOutcome(0, None)
        if outcome.interruption is not None:
            return SendOutcome(positions[outcome.sent], outcome.interruption, left_out)
        return SendOutcome(known, interruption, left_out)
