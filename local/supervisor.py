"""Bring the whole local stack up, keep it running, and end all of it."""

import contextlib
import itertools
import json
import os
import threading
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session
from rich.console import Console
from rich.status import Status

from infra.packaging.zip import Platform
from local.config import PLATFORM_KEY, REGION_KEY, LocalConfigError, local_config
from local.deploy.resources.clients import Clients
from local.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Emulator, EmulatorError
from local.logs import FunctionLog, readable_lines
from local.page.site import Website
from local.process import ChildProcess, Pause, child_environment, describe_exit
from local.reload import HotReload, Reload
from local.state import LocalStack, LocalStackError, claim_directory, clients_of, write_end, write_local_stack
from local.up import print_ready

if TYPE_CHECKING:
    from local.deploy.deployment import Deployment


# The event source mapping's poller (local/stream_poller/) as a process, started again
# whenever it ends.

_MODULE = "local.stream_poller"
_STOP_SECONDS = 3.0
"""For a batch under way; whatever is cut off is delivered again, from its checkpoint."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
"""A poller that ran so long is healthy: the next end is a new story."""


class PollerProcess:
    """Keeps the poller running. Its checkpoints are in the state directory: each one goes on where the last was."""

    def __init__(self, directory: Path) -> None:
        """Start it. The directory's state.json must be there already."""
        self._directory = directory
        self._log_file = directory / "poller.log"
        self._log_file.write_bytes(b"")
        self._pause = _FIRST_PAUSE_SECONDS
        self._start_again_at: float | None = None
        self._start()

    @property
    def pid(self) -> int:
        """Process id of the one that runs, or ran last."""
        return self._process.pid

    def watch(self) -> str | None:
        """Start it again if it has ended and its pause is over.

        Returns:
            What there is to say: that it ended, or that it runs again; else None.
        """
        exit_code = self._process.exit_code
        if exit_code is None:
            return None
        now = time.monotonic()
        if self._start_again_at is None:
            if now - self._started_at > _STEADY_SECONDS:
                self._pause = _FIRST_PAUSE_SECONDS
            self._start_again_at = now + self._pause
            return (
                f"the stream's poller ended {describe_exit(exit_code)}; it starts again in {self._pause:g} s "
                f"(its log: {self._log_file})"
            )
        if now < self._start_again_at:
            return None
        self._process.stop(grace_seconds=0)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        self._start()
        return f"the stream's poller runs again (process {self.pid}), from its checkpoints"

    def stop(self) -> None:
        """End it, after the batch under way if that is soon."""
        self._process.stop(_STOP_SECONDS)

    def _start(self) -> None:
        self._start_again_at = None
        self._started_at = time.monotonic()
        self._process = ChildProcess(
            _MODULE, ["--state-dir", str(self._directory)], child_environment(os.environ), self._log_file
        )


# Have each function start before its first real request or batch, as a busy stack's would be.

_TIMEOUT_SECONDS = 30


def warm_up(stack: "LocalStack") -> None:
    """Call every function once with something that changes nothing. A failure isn't told: this is a courtesy.

    Args:
        stack: a deployed one.
    """
    outputs = stack.outputs
    # An unfinished registration, a user nobody has, and batches of no records.
    with contextlib.suppress(BotoCoreError, OSError):
        _call(stack, "POST", "/register", b"{}")
    lambda_ = clients_of(stack).lambda_
    for function_name in (outputs.log_user_changes_function_name, outputs.rescue_failed_batches_function_name):
        with contextlib.suppress(BotoCoreError, ClientError):
            lambda_.invoke(FunctionName=function_name, Payload=json.dumps({"Records": []}))
    with contextlib.suppress(BotoCoreError, OSError):
        _call(stack, "GET", f"/users/{uuid.UUID(int=0)}", b"")


def _call(stack: "LocalStack", method: str, path: str, body: bytes) -> None:
    request = AWSRequest(
        method=method, url=stack.outputs.api_url + path, data=body, headers={"Content-Type": "application/json"}
    )
    credentials = Credentials(stack.access_key_id, stack.secret_access_key)
    SigV4Auth(credentials, "execute-api", stack.region).add_auth(request)
    URLLib3Session(timeout=_TIMEOUT_SECONDS).send(request.prepare())


_LOOK_SECONDS = 0.25
_LOOKS_PER_SOURCE_LOOK = 2
"""An edit is to be live within two seconds; looking at every file costs more than looking at a log."""

_EMULATOR_REGION = "us-east-1"
_HOST_PLATFORM: Platform = "host"


class StackEndedError(LocalStackError):
    """The stack could not be brought up, or ended by itself; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class SupervisorOptions:
    """What `up` was asked for.

    Attributes:
        directory: for state, logs and checkpoints.
        port: the emulator's; 0 for any free one.
        website_port: the page's, if it is free; 0 for any.
        show_log: whether to show LogUserChangesFunction's log.
    """

    directory: Path
    port: int
    website_port: int
    show_log: bool


class Supervisor:
    """One local stack, from `run` to its end."""

    def __init__(self, options: SupervisorOptions, console: Console) -> None:
        self._options = options
        self._console = console

    def run(self, pause: Pause) -> None:
        """Bring the stack up and stay until something asks this process to end.

        Args:
            pause: of local/process.py.

        Raises:
            LocalStackError: it can't be brought up, or ended by itself.
        """
        with claim_directory(self._options.directory):
            try:
                with ExitStack() as cleanup:
                    try:
                        self._bring_up(cleanup, pause)
                    except (ClientError, BotoCoreError) as error:
                        # Most likely the emulator has ended, which says more than the call that failed for it.
                        self._emulator.check_alive()
                        raise StackEndedError(str(error)) from error
                    self._stay(pause)
            except (EmulatorError, LocalConfigError, LocalStackError) as error:
                write_end(self._options.directory, f"it ended by itself: {error}")
                raise StackEndedError(str(error)) from error

    def _bring_up(self, cleanup: ExitStack, pause: Pause) -> None:
        options, began = self._options, time.monotonic()
        website = Website(options.website_port, reserved=options.port)
        cleanup.callback(website.stop)
        with self._console.status("Starting the AWS emulator") as progress:
            config = local_config(website.origin)
            region = config.get(REGION_KEY, _EMULATOR_REGION)
            self._emulator = Emulator(options.port, region, options.directory)
            cleanup.callback(self._emulator.stop)
            self._clients = Clients(self._emulator.endpoint_url, region, ACCESS_KEY_ID, SECRET_ACCESS_KEY)
            deployment = self._deploy(config, progress, pause)
            self._stack = self._describe(deployment, website.origin)
            write_local_stack(options.directory, self._stack)
            progress.update("Starting the stream's poller")
            self._poller = PollerProcess(options.directory)
            cleanup.callback(self._poller.stop)
            website.start(self._stack)
            self._remember_poller()
        outputs = self._stack.outputs
        self._log = FunctionLog(self._clients.logs, outputs.log_user_changes_function_name)
        self._hot_reload = HotReload(
            self._clients.lambda_,
            {
                "register_user": outputs.register_user_function_name,
                "manage_users": outputs.manage_users_function_name,
                "log_user_changes": outputs.log_user_changes_function_name,
                "rescue_failed_batches": outputs.rescue_failed_batches_function_name,
            },
            "lambda" if config.get(PLATFORM_KEY) == "lambda" else _HOST_PLATFORM,
        )
        # In the background: the first registration needn't wait for the functions to start.
        threading.Thread(target=warm_up, args=[self._stack], name="warm-up", daemon=True).start()
        print_ready(self._console, self._stack, len(deployment.resources), time.monotonic() - began)

    def _deploy(self, config: dict[str, str], progress: Status, pause: Pause) -> "Deployment":
        # Pulumi and its AWS provider take a while to import: the emulator starts meanwhile.
        from local.deploy.deployment import DeployedResource, DeploymentError, deploy  # noqa: PLC0415  for that reason

        self._emulator.wait_until_ready()
        made = 0

        def show(resource: DeployedResource) -> None:
            nonlocal made
            made += 1
            progress.update(f"Deploying: {made} resources, {resource.name}")

        try:
            return deploy(self._clients, config, show, pause)
        except DeploymentError as error:
            self._emulator.check_alive()
            raise StackEndedError(str(error)) from error

    def _describe(self, deployment: "Deployment", website_origin: str) -> LocalStack:
        return LocalStack(
            pid=os.getpid(),
            emulator_pid=self._emulator.pid,
            poller_pid=None,
            port=self._emulator.port,
            endpoint_url=self._emulator.endpoint_url,
            region=self._clients.region,
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=SECRET_ACCESS_KEY,
            mapping_uuid=deployment.stream_mapping_id(),
            started_at=datetime.now(UTC),
            outputs=deployment.outputs.model_copy(update={"website_url": website_origin}),
        )

    def _remember_poller(self) -> None:
        self._stack = self._stack.model_copy(update={"poller_pid": self._poller.pid})
        write_local_stack(self._options.directory, self._stack)

    def _stay(self, pause: Pause) -> None:
        if self._options.show_log:
            self._console.print("[dim]The log of LogUserChangesFunction follows. Ctrl-C ends everything.[/]\n")
        for look in itertools.count():
            pause(_LOOK_SECONDS)
            self._emulator.check_alive()
            if said := self._poller.watch():
                self._console.print(f"[yellow]![/] {said}", highlight=False)
                self._remember_poller()
            try:
                if look % _LOOKS_PER_SOURCE_LOOK == 0:
                    self._show_reloads()
                self._show_log()
            except (ClientError, BotoCoreError) as error:
                # Most likely the emulator is going, and the next look says so; if not, the next look tries again.
                self._emulator.check_alive()
                self._console.print(f"[yellow]![/] {error}", highlight=False)

    def _show_log(self) -> None:
        if self._options.show_log:
            for line in readable_lines(self._log.read()):
                self._console.print(line, soft_wrap=True)

    def _show_reloads(self) -> None:
        problems: dict[str, list[Reload]] = {}
        for reload in self._hot_reload.look():
            if reload.problem is None:
                self._console.print(f"[green]↻[/] {reload.function_name} runs the edited code", highlight=False)
            else:
                problems.setdefault(reload.problem, []).append(reload)
        for problem, reloads in problems.items():
            names = ", ".join(reload.function_name for reload in reloads)
            self._console.print(f"[red]✗[/] {names} goes on with the code it had: ", end="", highlight=False)
            self._console.print(problem, markup=False, highlight=False, soft_wrap=True)
