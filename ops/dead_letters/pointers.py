"""Pointers that the rescue set aside, brought back to where it takes them from."""

from dataclasses import dataclass

from ops.aws.sqs import MESSAGES_PER_CALL, Message, Outgoing
from ops.dead_letters.summary import Look
from ops.job import LongWork
from ops.services import Services


@dataclass
class PointerReturn:
    """What was done."""

    returned: int = 0
    left: int = 0
    """Of those that were looked at."""
    hidden: int = 0
    """When there was nothing to return: how many somebody else holds, about."""
    interrupted: bool = False


def return_pointers(services: Services, work: LongWork) -> PointerReturn:
    """Move all messages from the rescue's own redrive queue to the failure queue.

    Each is removed only once the other queue has it. Killed between the two, a pointer is rescued twice, to the same
    failure ids.

    Raises:
        OpsError: A queue is out of reach; what was moved by then is moved.
    """
    done = PointerReturn()
    whole = False
    while not whole and not work.stop():
        moved, whole = _round(services, work, done)
        if not moved:
            break
    done.interrupted = work.stop()
    if not done.returned and not done.interrupted:
        done.hidden = services.set_aside_failures().depth().in_flight
    return done


def _round(services: Services, work: LongWork, done: PointerReturn) -> tuple[int, bool]:
    """Move what one look meets; return how many left the queue, and whether it met all that was visible."""
    source, target = services.set_aside_failures(), services.failures()
    moved = 0
    with Look(source, work.stop, now=work.now) as look:
        batch: list[Message] = []

        def move() -> None:
            nonlocal moved
            target.send([Outgoing(message.body, message.attributes) for message in batch])
            moved += look.remove(message.message_id for message in batch)
            done.returned += len(batch)
            work.meter(done.returned, look.seen)
            batch.clear()

        for message in look.messages():
            batch.append(message)
            if len(batch) == MESSAGES_PER_CALL:
                move()
        if batch and not work.stop():
            move()
        done.left = look.held()
        return moved, look.complete
