"""What is between the Users stream and the history: nothing, or a reason to wait or to stop.

A change may be late, or in a queue. Who judges by the history, or adds to it, needs to know.
"""

from ops.aws.services import Services
from ops.dead_letters.message import FOREIGN, read_dead_letter
from ops.dead_letters.peek import Peek
from ops.errors import OpsError
from ops.health.stack import read_health
from ops.job import Job

MAX_DELAY_SECONDS = 60  # the delivery is late if its iterator age is higher
POINTER_WAIT_SECONDS = 60  # for the rescue to process the pointers in the failure queue


class Delivery:
    """The way of a stack's changes into its history."""

    def __init__(self, services: Services, job: Job) -> None:
        self._services = services
        self._job = job

    def check(self) -> None:
        """Raise an OpsError if nothing is delivered, or late, or if the state can't be read."""
        health = read_health(self._services)
        for error in health.delivery_errors:
            raise error
        problems = health.delivery_problems()
        if health.iterator_age_seconds is not None and health.iterator_age_seconds > MAX_DELAY_SECONDS:
            problems.append(f"changes are delivered {health.iterator_age_seconds:.0f} s late")
        if problems:
            raise OpsError(
                f"Nobody can tell now which changes are still to come: {'; '.join(problems)}",
                "`python -m ops status` shows the delivery; once it works, run the same command again",
            )

    def wait_for_rescue(self) -> None:
        """Wait until the failure queue is empty, or raise an OpsError after a minute."""
        queue = self._services.failure_queue()
        for _ in range(POINTER_WAIT_SECONDS):
            if self._job.stop_requested() or not queue.depth().total:
                return
            self._job.pause(1)
        raise OpsError(
            f"{queue.name} holds pointers that the rescue doesn't process: their users are unknown",
            "`python -m ops status`; once the queue is empty, run the same command again",
        )

    def users_in_queue(self) -> frozenset[str]:
        """Return the users with a change in the dead-letter queue; OpsError if it can't be read."""
        queue = self._services.dead_letter_queue()
        if not queue.depth().total:
            return frozenset()
        with Peek(queue, self._job.stop_requested, now=self._job.now) as peek:
            letters = (read_dead_letter(one, self._services.outputs) for one in peek.messages())
            users = frozenset(letter.user_id for letter in letters if letter.user_id and letter.kind != FOREIGN)
            hidden = peek.in_flight_elsewhere(queue.depth())
        if not self._job.stop_requested() and (hidden or not peek.complete):
            raise OpsError(
                f"{queue.name} can't be read completely: {hidden or 'too many'} messages are out of reach",
                "those in flight in another consumer or in a killed command become visible again within 15 minutes; "
                "`dlq replay --all` then, and run the same command again",
            )
        return users
