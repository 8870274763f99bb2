"""Bring the whole local stack up, keep it running, and end all of it.

Read `Supervisor` from top to bottom; local/__init__.py lists its steps.
"""

import contextlib
import itertools
import json
import os
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from infra.naming import PROJECT_ROOT
from infra.settings.check import SettingsError, config_key, load_settings
from infra.settings.model import REGION_KEY, StackSettings
from infra.settings.stack_file import StackFileError, stack_file_config
from local.actions import warm_up
from local.alarms.evaluator import AlarmEvaluator
from local.change_feed import ChangedTopics
from local.emulator import DEFAULT_REGION, Emulator, EmulatorError
from local.emulator_changes import LOGS, METRICS
from local.event_source_mappings.status import forget_mappings
from local.lost_resources import lost_resources
from local.mailbox import mailbox_of
from local.output import FunctionLog, print_log, print_outputs_and_command, print_unserved_settings
from local.page.site import Site
from local.process import ChildProcess, Pause, describe_exit, start_log
from local.reload import HotReload
from local.state import (
    STACK,
    LocalStack,
    LocalStackError,
    claim_directory,
    functions_of,
    read_local_stack,
    write_end_reason,
    write_local_stack,
)
from local.unserved_settings import served_config

if TYPE_CHECKING:
    from local.deploy.deployment import DeployedResource, Deployment

_LOOP_SECONDS = 0.1
_LOOPS_PER_RELOAD = 8
"""An edit must be live within two seconds; checking every source costs more than all the rest."""

_CORS_KEY = "userstream:corsAllowedOrigins"

_POLLER_STOP_SECONDS = 3.0
"""Time for the current batch; a batch that is cut off is delivered again, from its checkpoint."""

_WARM_UP_SECONDS = 5.0
"""The longest that "ready" waits for the function behind the first registration."""

_LOOPS_PER_RESOURCE_CHECK = 300
"""Half a minute: whoever deletes a part of the stack by hand has forgotten it after a minute."""

_LOOPS_PER_ALARM_EVALUATION = 50
"""Five seconds: CloudWatch takes a minute, but on a laptop somebody waits."""

_LOOPS_PER_MINUTE = 600
"""After which alarms are evaluated also if nothing was measured: old minutes count no more."""

_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"

_FIRST_RESTART_SECONDS = 0.5
_LONGEST_RESTART_SECONDS = 30.0
_STEADY_SECONDS = 60.0
"""After a poller has run this long, its next restart waits the shortest time again."""


@dataclass(kw_only=True)
class Supervisor:
    """One local stack, from `run` to its end. Port 0 means any free one."""

    console: Console
    directory: Path  # for state, logs and checkpoints
    port: int  # the emulator's
    website_port: int  # the page's; another if it is taken
    show_log: bool

    def run(self, pause: Pause) -> None:
        """Bring the stack up and keep it running until `pause` raises TerminationRequested.

        Raise LocalStackError if it can't be brought up, or ends by itself.
        """
        with claim_directory(self.directory):
            try:
                with ExitStack() as cleanup:
                    try:
                        self._bring_up(cleanup, pause)
                    except (ClientError, BotoCoreError) as error:
                        # If the emulator has ended, that says more than the call that failed
                        # because of it.
                        self._emulator.check_alive()
                        raise LocalStackError(str(error)) from error
                    self._keep_running(cleanup, pause)
            except (EmulatorError, LocalStackError) as error:
                write_end_reason(self.directory, f"it ended by itself: {error}")
                raise LocalStackError(str(error)) from error

    def _bring_up(self, cleanup: ExitStack, pause: Pause) -> None:
        started = time.monotonic()
        # First, because the API's CORS settings need the page's address.
        site = Site(self.website_port, reserved=self.port)
        cleanup.callback(site.stop)
        with self.console.status("Starting the AWS emulator") as progress:
            config = local_config(site.origin)
            settings = _check_settings(config)
            region = config.get(REGION_KEY, DEFAULT_REGION)
            self._emulator = Emulator(self.port, region, self.directory, sends_mails=_answers_neutrally(config))
            cleanup.callback(self._emulator.stop)
            self._clients = self._emulator.clients()
            deployment = self._deploy(served_config(config), progress, pause)
            self._stack = LocalStack(
                pid=os.getpid(),
                emulator_pid=self._emulator.pid,
                poller_pid=None,
                port=self._emulator.port,
                endpoint_url=self._emulator.endpoint_url,
                region=self._clients.region,
                access_key_id=self._emulator.keys.access_key_id,
                secret_access_key=self._emulator.keys.secret_access_key,
                started_at=datetime.now(UTC),
                outputs=deployment.outputs.model_copy(update={"website_url": site.origin}),
            )
            write_local_stack(self.directory, self._stack)
            takes_registrations = threading.Event()
            warm_up_arguments = [self._stack, takes_registrations]
            threading.Thread(target=warm_up, args=warm_up_arguments, name="warm-up", daemon=True).start()
            alarms = [each.properties for each in deployment.resources if each.type == _ALARM]
            self._alarms = AlarmEvaluator(self._clients.cloudwatch, alarms)
            forget_mappings(self.directory)
            progress.update("Starting the poller")
            self._poller = _PollerProcess(self.directory)
            cleanup.callback(self._poller.stop)
            site.start(self._stack, mailbox_of(self.directory))
            self._publish_poller()
        outputs = self._stack.outputs
        self._log = FunctionLog(self._clients.logs, outputs.log_user_changes_function_name)
        self._hot_reload = HotReload(
            self._clients.lambda_,
            {name.replace("-", "_"): function for name, function in functions_of(outputs).items()},
            settings.function_platform,
            settings.runtime,
        )
        takes_registrations.wait(_WARM_UP_SECONDS)
        seconds = time.monotonic() - started
        self.console.print(f"[green]✓[/] {len(deployment.resources)} resources deployed, ready after {seconds:.1f} s\n")
        print_outputs_and_command(self.console, self._stack)
        print_unserved_settings(self.console, config)
        self.console.print(f"Or in a browser: [bold]{outputs.website_url}[/]\n", highlight=False)

    def _deploy(self, config: dict[str, str], progress: Status, pause: Pause) -> "Deployment":
        # Pulumi and its AWS provider take a while to import; meanwhile the emulator starts.
        from local.deploy.deployment import DeploymentError, deploy  # noqa: PLC0415  for that reason

        self._emulator.wait_until_ready()
        numbers = itertools.count(1)

        def show(resource: "DeployedResource") -> None:
            progress.update(f"Deploying: {next(numbers)} resources, {resource.name}")

        try:
            return deploy(self._clients, config, show, pause)
        except DeploymentError as error:
            self._emulator.check_alive()
            raise LocalStackError(str(error)) from error

    def _publish_poller(self) -> None:
        # `python -m local reconnect` may have published other outputs meanwhile.
        published = read_local_stack(self.directory).outputs
        self._stack = self._stack.model_copy(update={"poller_pid": self._poller.pid, "outputs": published})
        write_local_stack(self.directory, self._stack)

    def _keep_running(self, cleanup: ExitStack, pause: Pause) -> None:
        self._lost: list[str] = []
        changed = ChangedTopics(self._clients, (LOGS, METRICS) if self.show_log else (METRICS,))
        cleanup.callback(changed.end)
        if self.show_log:
            self.console.print("[dim]The log of LogUserChangesFunction follows. Ctrl-C ends everything.[/]\n")
        for loop in itertools.count():
            pause(_LOOP_SECONDS)
            self._emulator.check_alive()
            if message := self._poller.restart_if_ended():
                self._warn(message)
                self._publish_poller()
            try:
                if loop % _LOOPS_PER_RESOURCE_CHECK == 0:
                    self._warn_of_lost_resources()
                if loop % _LOOPS_PER_ALARM_EVALUATION == 0 and (loop % _LOOPS_PER_MINUTE == 0 or changed.take(METRICS)):
                    self._alarms.evaluate()
                if loop % _LOOPS_PER_RELOAD == 0:
                    self._deploy_edits()
                if self.show_log and changed.take(LOGS):
                    print_log(self.console, self._log.read())
            except (ClientError, BotoCoreError) as error:
                # The emulator is probably ending, which the next loop reports; if not, the next
                # loop tries again.
                self._emulator.check_alive()
                self._warn(str(error))

    def _warn_of_lost_resources(self) -> None:
        lost = lost_resources(self._stack, self._clients)
        if lost and lost != self._lost:
            self._warn(f"the stack has lost {', '.join(lost)}. End it, and start again with: make up")
        self._lost = lost

    def _deploy_edits(self) -> None:
        not_reloaded: dict[str, list[str]] = {}
        for reload in self._hot_reload.deploy_edits():
            if reload.problem is None:
                self.console.print(f"[green]↻[/] {reload.function_name} runs the edited code", highlight=False)
            else:
                not_reloaded.setdefault(reload.problem, []).append(reload.function_name)
        for problem, names in not_reloaded.items():
            self.console.print(f"[red]✗[/] {', '.join(names)} keeps the code it had: ", end="", highlight=False)
            self.console.print(problem, markup=False, highlight=False, soft_wrap=True)

    def _warn(self, message: str) -> None:
        self.console.print(f"[yellow]![/] {escape(message)}", highlight=False)


def local_config(website_origin: str, directory: Path = PROJECT_ROOT) -> dict[str, str]:
    """Return full keys to text, as the Pulumi CLI would pass them to the program.

    Raise LocalStackError if Pulumi.local.yaml doesn't exist in the directory, or isn't YAML.
    """
    try:
        config = stack_file_config(STACK, directory)
    except (FileNotFoundError, StackFileError) as error:
        raise LocalStackError(str(error)) from error
    with contextlib.suppress(ValueError):  # The program reports a setting that isn't a list.
        origins = json.loads(config.get(_CORS_KEY) or "[]")
        if isinstance(origins, list):
            config[_CORS_KEY] = json.dumps([*origins, website_origin])
    if _answers_neutrally(config):
        config[config_key("confirmationPage")] = f"{website_origin}/"
    return config


def _answers_neutrally(config: Mapping[str, str]) -> bool:
    return config.get(config_key("registrationAnswers")) == "neutral"


def _check_settings(config: Mapping[str, str]) -> StackSettings:
    """Check and return all settings, also those that the program on this machine doesn't get."""
    try:
        return load_settings(STACK, config)
    except SettingsError as error:
        raise LocalStackError(str(error)) from error


class _PollerProcess:
    """Keeps local/event_source_mappings running, from the last process's checkpoints each time."""

    def __init__(self, directory: Path) -> None:
        """Start it; it reads the directory's state.json."""
        self._directory = directory
        self._log_file = directory / "poller.log"
        start_log(self._log_file)
        self._restart_seconds = _FIRST_RESTART_SECONDS
        self._start()

    def _start(self) -> None:
        self._restart_at: float | None = None
        self._started_at = time.monotonic()
        arguments = ["--state-dir", str(self._directory)]
        self._process = ChildProcess("local.event_source_mappings", arguments, self._log_file)

    @property
    def pid(self) -> int:
        """Process id of the current process, or of the last one."""
        return self._process.pid

    def restart_if_ended(self) -> str | None:
        """Start it again some time after it ended, later each time; return a message, if any."""
        exit_code = self._process.exit_code
        if exit_code is None:
            return None
        now = time.monotonic()
        if self._restart_at is None:
            if now - self._started_at > _STEADY_SECONDS:
                self._restart_seconds = _FIRST_RESTART_SECONDS
            self._restart_at = now + self._restart_seconds
            return (
                f"the poller ended {describe_exit(exit_code)}; it starts again in {self._restart_seconds:g} s "
                f"(its log: {self._log_file})"
            )
        if now < self._restart_at:
            return None
        self._process.stop(grace_seconds=0)
        self._restart_seconds = min(2 * self._restart_seconds, _LONGEST_RESTART_SECONDS)
        self._start()
        return f"the poller runs again (process {self.pid}), from its checkpoints"

    def stop(self) -> None:
        """End it, after the current batch if that takes less than `_POLLER_STOP_SECONDS`."""
        self._process.stop(_POLLER_STOP_SECONDS)
