"""A deployment that fails or is interrupted."""

import socket
import subprocess
import sys
from pathlib import Path

from infra.naming import PROJECT_ROOT
from local.emulator import HOST
from tests.support.local.local_stack import running_emulator

# In a process of its own: Pulumi keeps the running stack in globals.
DEPLOY = """
from local.deploy.deployment import DeploymentError, deploy
from local.process import TerminationRequested, termination_signals
from local.supervisor import local_config
from local.aws_clients import Clients

clients = Clients("{endpoint_url}", "us-east-1", *{keys})
try:
    with termination_signals() as pause:
        deploy(clients, local_config("http://localhost"), lambda resource: None, pause)
except (DeploymentError, TerminationRequested) as error:
    print(type(error).__name__, error)
"""

# Here Pulumi has promised a resource's outputs and not requested the resource yet, so the promise
# is never kept.
SIGNAL_IN_A_RESOURCE = """
import os, signal, sys

def look(frame, event, argument):
    if event == "return" and frame.f_code.co_name == "transfer_properties" and frame.f_back.f_locals["custom"]:
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)

sys.setprofile(look)
"""


def run(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=60, check=True
    )


def test_the_first_failure_is_reported_once_and_nothing_else() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))  # Bound and not listening: every connection is refused.
        endpoint_url = f"http://{HOST}:{taken.getsockname()[1]}"
        deployed = run(DEPLOY.format(endpoint_url=endpoint_url, keys=("none", "none")))

    assert deployed.stderr == ""
    (line,) = deployed.stdout.splitlines()
    assert line.startswith("DeploymentError aws:")
    assert f'Could not connect to the endpoint URL: "{endpoint_url}' in line


def test_a_signal_while_the_program_waits_ends_the_deployment(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as clients:
        deployed = run(
            SIGNAL_IN_A_RESOURCE + DEPLOY.format(endpoint_url=clients.endpoint_url, keys=tuple(clients.keys))
        )

    assert (deployed.stdout, deployed.stderr) == ("TerminationRequested SIGTERM\n", "")
