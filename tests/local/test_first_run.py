"""`make up` installs enough: the stack runs with what requirements-local.txt pins alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from infra.naming import PROJECT_ROOT
from local.state import wait_until_ready
from tests.support.local.users_over_http import UsersOverHttp, person

STOP_SECONDS = 60


def test_the_stack_runs_with_what_make_up_installs(tmp_path: Path) -> None:
    environment, state = tmp_path / "environment", tmp_path / "state"
    uv = Path(sys.executable).with_name("uv")
    python = environment / "bin" / "python"
    pinned = ["--require-hashes", "--requirement", str(PROJECT_ROOT / "requirements-local.txt")]
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *pinned], check=True)
    command = [python, "-m", "local", "up", "--no-log", "--port", "0", "--website-port", "0", "--state-dir", state]

    with (tmp_path / "up.log").open("wb") as output:
        up = subprocess.Popen(
            command, cwd=PROJECT_ROOT, env={**os.environ, "PYTHONPATH": ""}, stdout=output, stderr=output
        )
        try:
            stack = wait_until_ready(state, up.pid, up.poll, time.sleep)
            assert stack, (tmp_path / "up.log").read_text()
            UsersOverHttp(stack).registered(person())
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(STOP_SECONDS)
