"""Pointers that the rescue set aside, brought back to where it takes them from."""

from dataclasses import dataclass

from ops.long_work import LongWork
from ops.look import Look
from ops.message_queue import MESSAGES_PER_CALL, Message, Outgoing
from ops.services import Services


@dataclass
class PointerReturn:
    """What was done."""

    returned: int = 0
    left: int = 0
    interrupted: bool = False


def return_pointers(services: Services, work: LongWork) -> PointerReturn:
    """Move all messages from the rescue's own redrive queue to the failure queue.

    Each is removed only once the other queue has it. Killed between the two, a pointer is rescued twice, to the same
    failure ids.

    Raises:
        OpsError: A queue is out of reach; what was moved by then is moved.
    """
    source, target = services.set_aside_failures(), services.failures()
    done = PointerReturn()
    with Look(source, work.stop, now=work.now) as look:
        batch: list[Message] = []

        def move() -> None:
            target.send([Outgoing(message.body, message.attributes) for message in batch])
            done.returned += len(batch)
            done.left += len(batch) - look.remove(message.message_id for message in batch)
            work.meter(done.returned, look.seen)
            batch.clear()

        for message in look.messages():
            batch.append(message)
            if len(batch) == MESSAGES_PER_CALL:
                move()
        if batch and not work.stop():
            move()
        done.left += len(batch)
    done.interrupted = work.stop()
    return done
