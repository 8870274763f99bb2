"""Where every change of a virtual delivery ended."""

from dataclasses import dataclass, field

from functions.rescue_failed_batches.rescue import PERHAPS_PROCESSED
from tests.support.delivery.virtual_delivery import VirtualDelivery
from tests.support.records.record_processing_fakes import ActivityInMemory, Processing


@dataclass
class Tally:
    """Sequence numbers by where their changes ended."""

    kept: set[str] = field(default_factory=set[str])
    """In Activity alone."""
    dead_lettered: set[str] = field(default_factory=set[str])
    """Whole in the dead-letter queue alone."""
    in_both: set[str] = field(default_factory=set[str])
    """Processed, and dead-lettered because the poller couldn't know: the function was cut off after
    its effect each time, or the poller was killed between a document and its checkpoint. A replay
    writes the same item again."""
    lost: set[str] = field(default_factory=set[str])
    """Nowhere."""
    doubled: set[str] = field(default_factory=set[str])
    """Twice in Activity, or dead-lettered although known to be processed."""


def tally(world: VirtualDelivery) -> Tally:
    """Return where every change ended."""
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
    """Return what Activity holds without faults, and after a replay of all supported records."""
    processing = Processing()
    processing.process([change.event_form for change in world.changes.values()])
    return processing.activity


def replay_dead_letters(world: VirtualDelivery) -> None:
    """Process the dead-letter queue again, as `ops dlq replay` does once the cause is fixed."""
    processing = Processing(activity=world.activity)
    for envelope in world.dead_letters.by_id().values():
        if envelope.record is not None:
            processing.process([envelope.record])
