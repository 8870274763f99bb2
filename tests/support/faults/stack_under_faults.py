"""A running stack whose stream is delivered and processed through faulty wires, until all of it has ended somewhere."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from delivery.messages import Checkpoint
from infra.naming import PROJECT_ROOT
from local.process import ChildProcess, child_environment
from local.state import LocalStack, clients_of
from tests.support.faults.fault_proxy import FaultProxy
from tests.support.faults.wire_faults import Deck
from tests.support.faults.worker_processes import kill_workers
from tests.support.faults.written_changes import STUBBORN

FUNCTION_TIMEOUT_SECONDS = 3.2
"""A little more than the functions wait for an answer (functions/runtime/aws.py)."""

POLLER_TIMEOUT_SECONDS = 10.2
"""A little more than the poller does (local/stream_poller/stream_reader.py)."""

POINTER_HIDDEN_SECONDS = 3
"""So soon the failure queue gives a pointer again that a killed rescue had: three minutes in the deployed stack."""


class StackUnderFaults:
    """Delivers a stack's stream with a poller of its own, whose wire is as faulty as the two functions'.

    Args:
        stack: The stack; its own poller rests meanwhile.
        directory: The stack's state directory.
        seed: Of the faults.
        every: One request in so many meets a fault; of the rescue's, which are few, every second one does.
    """

    def __init__(self, stack: LocalStack, directory: Path, seed: int, every: int) -> None:
        self.stack = stack
        self.clients = clients_of(stack)
        self.poller_restarts = 0
        self._directory = directory / "poller-under-faults"
        self._directory.mkdir(exist_ok=True)
        self._project_directory = directory
        outputs = stack.outputs
        functions = {
            "log": outputs.log_user_changes_function_name,
            "rescue": outputs.rescue_failed_batches_function_name,
        }
        self.decks = {
            "log": Deck(every, seed, stubborn=STUBBORN.encode()),
            "rescue": Deck(2, seed + 1),
            # It asks twenty times a second whether there is anything new.
            "poller": Deck(every * 6, seed + 2),
        }
        self.wires = {
            name: FaultProxy(
                stack.endpoint_url, self.decks[name].deal, self._killer_of(function), FUNCTION_TIMEOUT_SECONDS
            )
            for name, function in functions.items()
        }
        self.wires["poller"] = FaultProxy(
            stack.endpoint_url, self.decks["poller"].deal, self._kill_poller, POLLER_TIMEOUT_SECONDS
        )
        self._functions = functions
        self._poller: ChildProcess | None = None

    @contextmanager
    def delivering(self) -> Generator[None]:
        """Deliver for the time of the block."""
        with ExitStack() as cleanup:
            for wire in self.wires.values():
                cleanup.enter_context(wire.serving())
            for name, function in self._functions.items():
                self._set_endpoint(function, self.wires[name].url)
                cleanup.callback(self._set_endpoint, function, None)
            self.clients.sqs.set_queue_attributes(
                QueueUrl=self.stack.outputs.failure_queue_url,
                Attributes={"VisibilityTimeout": str(POINTER_HIDDEN_SECONDS)},
            )
            assert self.stack.poller_pid is not None
            os.kill(self.stack.poller_pid, signal.SIGSTOP)
            cleanup.callback(os.kill, self.stack.poller_pid, signal.SIGCONT)
            self._start_poller()
            cleanup.callback(self._stop_poller)
            yield

    def keep_going(self, done: Callable[[], bool], seconds: float) -> None:
        """Start the poller again whenever it was killed, until something is done.

        Raises:
            AssertionError: it isn't in time.
        """
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"not done within {seconds:g} s"
            if self._poller is not None and self._poller.exit_code is not None:
                self._stop_poller()
                self._start_poller()
                self.poller_restarts += 1
            time.sleep(0.2)

    def calm(self) -> None:
        """Let no more faults happen."""
        for deck in self.decks.values():
            deck.calm = True

    def has_settled(self, last_sequence_number: str) -> bool:
        """Whether the mapping is done with everything up to a record."""
        for path in (self._directory / "checkpoints").glob("*.json"):
            shards = Checkpoint.from_json(path.read_text()).shards.values()
            return any(int(shard.sequence_number or -1) >= int(last_sequence_number) for shard in shards)
        return False

    def has_rescued_all(self) -> bool:
        """Whether no pointer waits for the rescue, those brought back that it had set aside."""
        if self._waiting(self.stack.outputs.failure_queue_url):
            return False
        if self._waiting(self._redrive_queue_url()):
            self._return_pointers()
            return False
        return True

    def _waiting(self, queue_url: str) -> int:
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        attributes = self.clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(names))["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def _redrive_queue_url(self) -> str:
        policy = self.clients.sqs.get_queue_attributes(
            QueueUrl=self.stack.outputs.failure_queue_url, AttributeNames=["RedrivePolicy"]
        )["Attributes"]["RedrivePolicy"]
        name = json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2]
        return self.clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def _return_pointers(self) -> None:
        """As an operator would, when the rescue's alarm has rung."""
        subprocess.run(
            [sys.executable, "-m", "ops", "--stack", "local", "return-pointers"],
            cwd=PROJECT_ROOT,
            env=child_environment(
                os.environ,
                USERSTREAM_LOCAL_DIR=str(self._project_directory),
                USERSTREAM_OPS_STATE=str(self._directory / "ops"),
            ),
            check=True,
            capture_output=True,
            timeout=120,
        )

    def _set_endpoint(self, function: str, url: str | None) -> None:
        configuration = self.clients.lambda_.get_function_configuration(FunctionName=function)
        variables = dict(configuration.get("Environment", {}).get("Variables", {}))
        variables.pop("AWS_ENDPOINT_URL", None)
        if url is not None:
            variables["AWS_ENDPOINT_URL"] = url
        self.clients.lambda_.update_function_configuration(FunctionName=function, Environment={"Variables": variables})

    def _killer_of(self, function: str) -> Callable[[], None]:
        def kill() -> None:
            kill_workers(self.stack.emulator_pid, function)

        return kill

    def _kill_poller(self) -> None:
        if self._poller is not None:
            os.kill(self._poller.pid, signal.SIGKILL)

    def _start_poller(self) -> None:
        arguments = ["--endpoint-url", self.wires["poller"].url, "--mapping-uuid", self.stack.mapping_uuid]
        self._poller = ChildProcess(
            "local.stream_poller",
            [*arguments, "--region", self.stack.region, "--state-dir", str(self._directory)],
            child_environment(os.environ),
            self._directory / "poller.log",
        )

    def _stop_poller(self) -> None:
        if self._poller is not None:
            self._poller.stop(grace_seconds=0)
