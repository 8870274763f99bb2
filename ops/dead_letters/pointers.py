"""Return pointers that the rescue failed to process from its redrive queue to the failure queue."""

from dataclasses import dataclass
from itertools import islice

from ops.aws.services import Services
from ops.aws.sqs import MESSAGES_PER_CALL, OutgoingMessage
from ops.dead_letters.peek import Peek
from ops.job import Job


@dataclass
class ReturnedPointers:
    """What was done."""

    returned: int = 0
    left: int = 0
    """Of those received."""
    hidden_by_others: int = 0
    """Approximate number in flight in other consumers, counted if nothing was returned."""
    interrupted: bool = False


def return_pointers(services: Services, job: Job) -> ReturnedPointers:
    """Move all messages from the redrive queue to the failure queue.

    A message is deleted once the failure queue has it. If the process is killed in between, a
    pointer is rescued twice, to the same failure ids.

    Raises:
        OpsError: A queue can't be reached; messages moved by then stay moved.
    """
    result = ReturnedPointers()
    source, target = services.redrive_queue(), services.failure_queue()
    moved, complete = 1, False
    while moved and not complete and not job.stop_requested():
        moved = 0
        with Peek(source, job.stop_requested, now=job.now) as peek:
            messages = peek.messages()
            while batch := list(islice(messages, MESSAGES_PER_CALL)):
                if len(batch) < MESSAGES_PER_CALL and job.stop_requested():
                    break
                target.send([OutgoingMessage(message.body, message.attributes) for message in batch])
                moved += peek.delete(message.message_id for message in batch)
                result.returned += len(batch)
                job.report_progress(result.returned, peek.received)
            result.left = peek.in_flight
            complete = peek.complete
    result.interrupted = job.stop_requested()
    if not result.returned and not result.interrupted:
        result.hidden_by_others = source.depth().in_flight
    return result
