"""The AWS emulator (ministack) as a child process, on 127.0.0.1 and with IAM enforced."""

import errno
import os
import shutil
import socket
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from local.process import ChildProcess, describe_exit

HOST = "127.0.0.1"
DEFAULT_PORT = 4566
DEFAULT_REGION = "us-east-1"
_HIGHEST_PORT = 65535

ACCESS_KEY_ID = "test"
SECRET_ACCESS_KEY = "test"  # noqa: S105  the emulator's well-known root key, valid on this machine's emulator only

_SERVICES = (
    "acm,apigateway,cloudfront,dynamodb,dynamodbstreams,events,iam,lambda,logs,monitoring,route53,s3,sns,sqs,sts,wafv2"
)
"""What the stack uses; the emulator has many more, and some of them open ports of their own."""

_CONCURRENT_EXECUTIONS = max(10, 4 * (os.cpu_count() or 1))
"""Of the account; 10 is what a new account has on AWS. The emulator runs each in a process of its
own, and too many at once would all time out. Invocations beyond it are throttled, as on AWS.
Source: Lambda developer guide, "Lambda quotas"."""

_IDLE_FUNCTION_SECONDS = 60
"""A function's surplus processes end after this time."""

_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_HEALTH_TIMEOUT_SECONDS = 2.0
_LOG_LINES_SHOWN = 15

_opener = build_opener(ProxyHandler({}))  # Never through the user's proxy.


class EmulatorError(Exception):
    """The emulator can't start or has ended; the message says why and what to do."""


class Emulator:
    """A running emulator: its port, the endpoint URL of every service, and its process id."""

    def __init__(self, port: int, region: str, directory: Path) -> None:
        """Start it without waiting for it; raise EmulatorError if another program uses the port.

        `port` 0 takes any free one. The region is that of resources whose caller names none. The
        directory gets the log (`emulator.log`) and the temporary files.
        """
        self.port = _available_port(port)
        self.endpoint_url = f"http://{HOST}:{self.port}"
        scratch = directory / "emulator"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        log_file = directory / "emulator.log"
        log_file.write_bytes(b"")
        # The processes of functions inherit this environment.
        self._process = ChildProcess(
            "ministack",
            [],
            log_file,
            GATEWAY_PORT=str(self.port),
            BIND_HOST=HOST,
            # The host in queue URLs and the like.
            MINISTACK_HOST=HOST,
            MINISTACK_REGION=region,
            AUTH="true",
            AWS_ACCESS_KEY_ID=ACCESS_KEY_ID,
            AWS_SECRET_ACCESS_KEY=SECRET_ACCESS_KEY,
            SERVICES=_SERVICES,
            IOT_MTLS_ENABLED="0",
            SFTP_ENABLED="0",
            LAMBDA_ACCOUNT_CONCURRENCY=str(_CONCURRENT_EXECUTIONS),
            LAMBDA_WARM_TTL_SECONDS=str(_IDLE_FUNCTION_SECONDS),
            TMPDIR=str(scratch),
            HOME=str(scratch),
            S3_DATA_DIR=str(scratch / "s3"),
            STATE_DIR=str(scratch / "state"),
        )
        self.pid = self._process.pid

    def wait_until_ready(self) -> None:
        """Return when it answers; raise EmulatorError if it ends or doesn't answer in time."""
        deadline = time.monotonic() + _START_SECONDS
        while not is_healthy(self.endpoint_url):
            self.check_alive()
            if time.monotonic() > deadline:
                raise EmulatorError(
                    f"the AWS emulator does not answer on {self.endpoint_url} after {_START_SECONDS:.0f} s. "
                    f"Its log: {self._process.log_file}"
                )
            time.sleep(_POLL_SECONDS)

    def check_alive(self) -> None:
        """Raise EmulatorError, with the end of its log, if it has ended."""
        if (exit_code := self._process.exit_code) is not None:
            lines = self._process.log_file.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
            shown = "".join(f"\n  | {line}" for line in lines)
            raise EmulatorError(
                f"the AWS emulator ended {describe_exit(exit_code)}, and with it all its tables and queues, which live "
                f"in memory. Start again with: make up\n  The end of its log, {self._process.log_file}:{shown}"
            )

    def stop(self) -> None:
        """End it and every function it runs, at once: everything it has is in memory."""
        self._process.stop(grace_seconds=0)


def is_healthy(endpoint_url: str) -> bool:
    """Say whether an emulator answers at an address."""
    try:
        with _opener.open(f"{endpoint_url}/_ministack/health", timeout=_HEALTH_TIMEOUT_SECONDS) as response:
            return response.status == 200  # noqa: PLR2004  HTTP's OK
    except (URLError, OSError):
        return False


def _available_port(port: int) -> int:
    """Return the port, or a free one for 0, after checking that it can be bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                other = port + 1 if port < _HIGHEST_PORT else DEFAULT_PORT
                raise EmulatorError(
                    f"port {port} on {HOST} is taken by another program. Take another: "
                    f"python -m local up --port {other}   (or --port 0 for any free one)"
                ) from error
            raise EmulatorError(
                f"port {port} on {HOST} can't be used ({error.strerror}). Take another: python -m local up --port 4566"
            ) from error
        return probe.getsockname()[1]
