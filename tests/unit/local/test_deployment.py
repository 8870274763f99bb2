"""The program run in process, where nothing answers."""

import socket
import subprocess
import sys

from infra.stack_config import PROJECT_ROOT
from local.emulator import HOST

# A process of its own: Pulumi keeps the running stack in globals.
DEPLOY = """
from local.deployment import DeploymentError, deploy
from local.local_config import local_config
from local.resources.clients import Clients

clients = Clients("{endpoint_url}", "us-east-1", "test", "test")
try:
    deploy(clients, local_config("http://localhost"), lambda resource: None)
except DeploymentError as error:
    print(error)
"""


def test_what_could_not_be_made_is_told_once_whatever_waited_for_it() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))  # Bound and not listening: every connection is refused.
        endpoint_url = f"http://{HOST}:{taken.getsockname()[1]}"
        program = DEPLOY.format(endpoint_url=endpoint_url)
        deployed = subprocess.run(
            [sys.executable, "-c", program], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
        )

    assert deployed.stderr == ""
    (line,) = deployed.stdout.splitlines()
    assert line.startswith("aws:")
    assert f'Could not connect to the endpoint URL: "{endpoint_url}' in line
