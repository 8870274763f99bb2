"""A running stack whose stream is delivered and processed through faulty connections."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from delivery.messages import Checkpoint
from infra.naming import PROJECT_ROOT
from local.live_version import make_live
from local.process import ChildProcess, child_environment
from local.state import LocalStack, clients_of
from tests.support.faults.connection_faults import FaultDeck
from tests.support.faults.fault_proxy import FaultProxy
from tests.support.faults.random_changes import DENIED

FUNCTION_TIMEOUT_SECONDS = 3.2
"""A little longer than the functions wait for an answer (functions/runtime/aws.py)."""

POLLER_TIMEOUT_SECONDS = 10.2
"""A little longer than the poller waits (local/aws_clients.py, ONE_ATTEMPT)."""

POINTER_HIDDEN_SECONDS = 3
"""The failure queue's visibility timeout, after which a killed rescue is repeated; deployed 180."""


class StackUnderFaults:
    """Deliver a stack's stream with a second poller, through faulty connections.

    Args:
        stack: The stack; its own poller is suspended meanwhile.
        directory: The stack's state directory.
        seed: Of the faults.
        requests_per_fault: Of log_user_changes; of the few requests of the rescue every second one
            meets a fault.
    """

    def __init__(self, stack: LocalStack, directory: Path, seed: int, requests_per_fault: int) -> None:
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
            "log": FaultDeck(requests_per_fault, seed, denied=DENIED.encode()),
            "rescue": FaultDeck(2, seed + 1),
            # The poller reads two streams twenty times a second, and receives from queues.
            "poller": FaultDeck(requests_per_fault * 15, seed + 2),
        }
        self.proxies = {
            name: FaultProxy(
                stack.endpoint_url, self.decks[name].deal, self._killer_of(function), FUNCTION_TIMEOUT_SECONDS
            )
            for name, function in functions.items()
        }
        self.proxies["poller"] = FaultProxy(
            stack.endpoint_url, self.decks["poller"].deal, self._kill_poller, POLLER_TIMEOUT_SECONDS
        )
        self._functions = functions
        self._poller: ChildProcess | None = None

    @contextmanager
    def delivering(self) -> Generator[None]:
        """Deliver for the time of the block."""
        with ExitStack() as cleanup:
            for proxy in self.proxies.values():
                cleanup.enter_context(proxy.serving())
            for name, function in self._functions.items():
                self._set_endpoint(function, self.proxies[name].url)
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

    def run_until(self, done: Callable[[], bool], seconds: float) -> None:
        """Restart the poller whenever it was killed, until `done` returns true.

        Raises:
            AssertionError: `done` still returns false after so many seconds.
        """
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"not done within {seconds:g} s"
            if self._poller is not None and self._poller.exit_code is not None:
                self._stop_poller()
                self._start_poller()
                self.poller_restarts += 1
            time.sleep(0.2)

    def stop_faults(self) -> None:
        """Forward every request from now on."""
        for deck in self.decks.values():
            deck.on = False

    def has_settled(self, last_sequence_number: str) -> bool:
        """Whether the checkpoint is at or after a record."""
        function = self._functions["log"]
        for path in (self._directory / "checkpoints").glob(f"{function}-*.json"):
            shards = Checkpoint.from_json(path.read_text()).shards.values()
            return any(int(shard.sequence_number or -1) >= int(last_sequence_number) for shard in shards)
        return False

    def has_rescued_all(self) -> bool:
        """Whether no pointer waits for the rescue; return those in its redrive queue first."""
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
        """Run `ops return-pointers`, as the runbook says for the alarm of the rescue."""
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
        make_live(self.clients.lambda_, function)

    def _killer_of(self, function: str) -> Callable[[], None]:
        def kill() -> None:
            _kill_workers(self.stack.emulator_pid, function)

        return kill

    def _kill_poller(self) -> None:
        if self._poller is not None:
            os.kill(self._poller.pid, signal.SIGKILL)

    def _start_poller(self) -> None:
        arguments = ["--endpoint-url", self.proxies["poller"].url]
        self._poller = ChildProcess(
            "local.event_source_mappings",
            [*arguments, "--region", self.stack.region, "--state-dir", str(self._directory)],
            self._directory / "poller.log",
            AWS_ACCESS_KEY_ID=self.stack.access_key_id,
            AWS_SECRET_ACCESS_KEY=self.stack.secret_access_key,
        )

    def _stop_poller(self) -> None:
        if self._poller is not None:
            self._poller.stop(grace_seconds=0)


def _kill_workers(emulator_pid: int, function_name: str) -> None:
    """Kill -9 every process in which the emulator runs a function."""
    for pid in _children(emulator_pid):
        with suppress(ProcessLookupError, FileNotFoundError, PermissionError):
            if f"AWS_LAMBDA_FUNCTION_NAME={function_name}".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):
                # proc(5): the name, in parentheses, may hold any character; the parent is the
                # second field after it.
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    yield int(entry.name)
