"""Where every change ended: the account that a virtual delivery has to give."""

from dataclasses import dataclass, field

from functions.rescue_failed_batches.rescue import PERHAPS_PROCESSED
from tests.support.delivery.virtual_delivery import VirtualDelivery
from tests.support.records.record_processing_fakes import ActivityInMemory, Processing


@dataclass
class Tally:
    """Sequence numbers by what became of their changes."""

    kept: set[str] = field(default_factory=set[str])
    """In Activity alone."""
    dead_lettered: set[str] = field(default_factory=set[str])
    """Whole in the dead-letter queue alone."""
    in_both: set[str] = field(default_factory=set[str])
    """Processed, and set aside by a poller that couldn't know: the function was cut off behind its effect each time, or
    the poller was killed between a document and its checkpoint. A replay writes the same item again."""
    lost: set[str] = field(default_factory=set[str])
    """Nowhere."""
    doubled: set[str] = field(default_factory=set[str])
    """Twice in Activity, or known to be processed and set aside all the same."""


def tally(world: VirtualDelivery) -> Tally:
    """Account for every change."""
    result = Tally()
    envelopes = world.dead_letters.by_id()
    copies: dict[str, int] = {}
    for item in world.activity.items.values():
        event_id = item["eventId"]["S"]
        copies[event_id] = copies.get(event_id, 0) + 1
    for number, change in world.changes.items():
        envelope = envelopes.get(change.failure_id)
        whole = envelope if envelope is not None and envelope.record == change.event_form else None
        kept = world.is_in_activity(change)
        if copies.get(change.failure_id, 0) > 1:
            result.doubled.add(number)
        elif kept and whole:
            excused = (
                number not in world.acknowledged
                or world.given_up.get(number, world.life) < world.life
                or PERHAPS_PROCESSED in whole.reason
            )
            (result.in_both if excused else result.doubled).add(number)
        elif kept:
            result.kept.add(number)
        elif whole:
            result.dead_lettered.add(number)
        else:
            result.lost.add(number)
    return result


def undisturbed_activity(world: VirtualDelivery) -> ActivityInMemory:
    """What Activity would hold had nothing gone wrong, and after a replay of all that isn't poison."""
    processing = Processing()
    processing.process([change.event_form for change in world.changes.values()])
    return processing.activity


def replay_dead_letters(world: VirtualDelivery) -> None:
    """Process again what is in the dead-letter queue, as `ops dlq replay` does once the cause is mended."""
    processing = Processing(activity=world.activity)
    for envelope in world.dead_letters.by_id().values():
        if envelope.record is not None:
            processing.process([envelope.record])
