"""The AWS emulator (ministack) as a child process, on 127.0.0.1, guarded and with IAM enforced."""

import errno
import shutil
import socket
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from local.aws_clients import Clients
from local.mailbox import MAILBOX_VARIABLE, empty_mailbox, mailbox_of
from local.process import ChildProcess, describe_exit, start_log
from local.root_keys import RootKeys

HOST = "127.0.0.1"
DEFAULT_PORT = 4566
DEFAULT_REGION = "us-east-1"
_HIGHEST_PORT = 65535

_SERVICES = (
    "acm,apigateway,cloudfront,dynamodb,dynamodbstreams,events,iam,kms,lambda,logs,monitoring,route53,s3,ses,sns,sqs,"
    "sts,wafv2"
)
"""What a stack and its state use; the emulator has many more, and some of them open ports of their
own."""

_CONCURRENT_EXECUTIONS = 1000
"""Of the account, as on AWS. The emulator runs each in a process of its own, so those who invoke
take turns: local/stage_throttle.py for the API, and the poller.
Source: Lambda developer guide, "Lambda quotas"."""

_IDLE_FUNCTION_SECONDS = 60
"""A function's surplus processes end after this time."""

_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_HEALTH_TIMEOUT_SECONDS = 2
_LOG_LINES_SHOWN = 15


class EmulatorError(Exception):
    """The emulator can't start or has ended; the message says why and what to do."""


class Emulator:
    """A running emulator: its port, the endpoint URL of every service, its keys, its process id."""

    def __init__(self, port: int, region: str, directory: Path, *, sends_mails: bool = False) -> None:
        """Start it without waiting for it; raise EmulatorError if another program uses the port.

        `port` 0 takes any free one. The region is that of resources whose caller names none. The
        directory gets the log (`emulator.log`) and the temporary files, and the mails of a stack
        that `sends_mails`.
        """
        self.keys = RootKeys.draw()
        self.region = region
        self.port = _available_port(port)
        self.endpoint_url = f"http://{HOST}:{self.port}"
        self._scratch = scratch = directory / "emulator"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        scratch.chmod(0o700)
        log_file = directory / "emulator.log"
        start_log(log_file)
        self._mailbox = mailbox_of(directory)
        empty_mailbox(self._mailbox)
        mails: dict[str, Any] = {MAILBOX_VARIABLE: str(self._mailbox)} if sends_mails else {}
        self._process = ChildProcess(
            "local.guarded_emulator",
            [],
            log_file,
            GATEWAY_PORT=str(self.port),
            BIND_HOST=HOST,
            # The host in queue URLs and the like.
            MINISTACK_HOST=HOST,
            MINISTACK_REGION=region,
            AUTH="true",
            AWS_ACCESS_KEY_ID=self.keys.access_key_id,
            AWS_SECRET_ACCESS_KEY=self.keys.secret_access_key,
            SERVICES=_SERVICES,
            IOT_MTLS_ENABLED="0",
            SFTP_ENABLED="0",
            LAMBDA_ACCOUNT_CONCURRENCY=str(_CONCURRENT_EXECUTIONS),
            LAMBDA_WARM_TTL_SECONDS=str(_IDLE_FUNCTION_SECONDS),
            TMPDIR=str(scratch),
            HOME=str(scratch),
            S3_DATA_DIR=str(scratch / "s3"),
            STATE_DIR=str(scratch / "state"),
            **mails,
        )
        self.pid = self._process.pid

    def wait_until_ready(self) -> None:
        """Return when it answers; raise EmulatorError if it ends or doesn't answer in time."""
        deadline = time.monotonic() + _START_SECONDS
        while not is_healthy(self.endpoint_url, self.keys):
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
        """End it and every function it runs, at once: everything it has is in memory.

        Its mails go too, as their links lead nowhere now.
        """
        self._process.stop(grace_seconds=0)
        shutil.rmtree(self._scratch, ignore_errors=True)
        empty_mailbox(self._mailbox)

    def clients(self) -> Clients:
        """Return clients of its root user."""
        return Clients(self.endpoint_url, self.region, *self.keys)


def is_healthy(endpoint_url: str, keys: RootKeys) -> bool:
    """Say whether the emulator with these root keys answers at an address."""
    request = AWSRequest(method="GET", url=f"{endpoint_url}/_ministack/health")
    SigV4Auth(Credentials(*keys), "sts", DEFAULT_REGION).add_auth(request)
    try:
        return URLLib3Session(timeout=_HEALTH_TIMEOUT_SECONDS).send(request.prepare()).status_code == HTTPStatus.OK
    except BotoCoreError:
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
