"""How other processes find a running local stack: `state.json`, and a lock while it runs.

LocalStackError
├── LocalStackNotRunningError    nothing runs there; the message says why, if known, and what to do
└── LocalStackRunningError       a stack already runs there
"""

import contextlib
import fcntl
import os
import re
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from infra.naming import PROJECT_ROOT
from infra.outputs import StackOutputs
from local.aws_clients import Clients
from local.mailbox import empty_mailbox, mailbox_of
from local.root_keys import RootKeys

STACK = "local"
"""Name of the Pulumi stack that runs here; its settings are in Pulumi.local.yaml."""

DIRECTORY_VARIABLE = "USERSTREAM_LOCAL_DIR"
"""Environment variable that names another state directory, for every command."""

_STATE_FILE = "state.json"
_LOCK_FILE = "lock"
_END_FILE = "end.txt"
_LOGS = ("up.log", "emulator.log", "poller.log")
_LOCK_ATTEMPTS = 10
_LOCK_PAUSE_SECONDS = 0.05
_READY_POLL_SECONDS = 0.1


class LocalStackError(Exception):
    """A command can't do its work; the message says why and what to do."""


class LocalStackNotRunningError(LocalStackError):
    """No stack runs in the directory."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what}. {next_step}")
        self.what = what
        self.next_step = next_step


class LocalStackRunningError(LocalStackError):
    """A stack already runs in the directory."""

    def __init__(self, directory: Path, pid: int | None) -> None:
        super().__init__(
            f"a local stack runs in {directory} already (process {pid or 'unknown'}).\n"
            "  See it:                    python -m local status\n"
            "  End it:                    python -m local down\n"
            "  Start another beside it:   python -m local up --port 0 --state-dir DIRECTORY"
        )


class LocalStack(BaseModel):
    """A running local stack, and how to reach its services."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    pid: int = Field(description="Of the supervisor; if it ends, all of the stack ends.")
    emulator_pid: int = Field(description="Of the AWS emulator.")
    poller_pid: int | None = Field(description="Of the poller; null until it is started.")
    port: int = Field(description="The emulator's, on 127.0.0.1.")
    endpoint_url: str = Field(description="Address of every AWS service.")
    region: str = Field(description="AWS region of every resource.")
    access_key_id: str = Field(description="Of the emulator's root user.")
    secret_access_key: str = Field(description="Of the emulator's root user.")
    started_at: AwareDatetime = Field(description="When it was ready.")
    outputs: StackOutputs = Field(description="Of the stack, as `pulumi stack output` would show them.")


_FUNCTION_OUTPUT = re.compile(r"(?P<name>\w+)FunctionName")


def functions_of(outputs: StackOutputs) -> dict[str, str]:
    """Return the stack's functions: from the name on command lines (`log-user-changes`) to AWS's.

    The folder below functions/ has the same name, with underscores.
    """
    found: dict[str, str] = {}
    for output, function_name in outputs.model_dump(by_alias=True).items():
        match = _FUNCTION_OUTPUT.fullmatch(output)
        if match and function_name is not None:
            found[re.sub(r"[A-Z]", lambda capital: f"-{capital[0].lower()}", match["name"])] = function_name
    return found


def root_keys_of(stack: LocalStack) -> RootKeys:
    """Return the keys of the emulator's root user."""
    return RootKeys(stack.access_key_id, stack.secret_access_key)


def clients_of(stack: LocalStack) -> Clients:
    """Return AWS clients with the rights of the emulator's root user."""
    return Clients(stack.endpoint_url, stack.region, stack.access_key_id, stack.secret_access_key)


def state_directory(directory: Path | None = None) -> Path:
    """Return the given directory, else that of USERSTREAM_LOCAL_DIR, else .local in the project."""
    return directory or Path(os.environ.get(DIRECTORY_VARIABLE) or PROJECT_ROOT / ".local")


def read_local_stack(directory: Path | None = None) -> LocalStack:
    """Return the stack in a directory; raise LocalStackNotRunningError if none is ready."""
    directory = state_directory(directory)
    if not _is_locked(directory):
        raise LocalStackNotRunningError(
            f"the local stack is not running{_end_reason(directory)}", "Start it with: make up"
        )
    try:
        return LocalStack.model_validate_json((directory / _STATE_FILE).read_bytes())
    except FileNotFoundError as error:
        raise LocalStackNotRunningError(
            "the local stack is starting, or ending", "Try again in a few seconds"
        ) from error
    except ValidationError as error:
        raise LocalStackNotRunningError(
            f"{directory / _STATE_FILE} was written by another version of this project",
            "End that stack with: python -m local down, then: make up",
        ) from error


def wait_until_ready(
    directory: Path, pid: int, exit_code: Callable[[], int | None], pause: Callable[[float], None]
) -> LocalStack | None:
    """Return the stack that a process brings up once it is ready, or None if the process ended."""
    while exit_code() is None:
        with contextlib.suppress(LocalStackNotRunningError):  # Not yet.
            stack = read_local_stack(directory)
            if stack.pid == pid and stack.poller_pid is not None:
                return stack
        pause(_READY_POLL_SECONDS)
    return None


def write_local_stack(directory: Path, stack: LocalStack) -> None:
    """Publish a stack, or a change of it."""
    write_atomically(directory / _STATE_FILE, stack.model_dump_json(by_alias=True, indent=2) + "\n")


def write_end_reason(directory: Path, reason: str) -> None:
    """Keep why a stack ended by itself, for the next command that looks for it."""
    write_atomically(directory / _END_FILE, reason + "\n")


def _end_reason(directory: Path) -> str:
    try:
        return ": " + (directory / _END_FILE).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, so that a reader finds either the old text or the new."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as temporary:
        temporary.write(text)
    Path(temporary.name).replace(path)


def make_directory(directory: Path) -> None:
    """Make a state directory if it doesn't exist; raise LocalStackError if that fails."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        open_lock(directory / _LOCK_FILE).close()
    except OSError as error:
        raise LocalStackError(
            f"the stack's state can't be kept in {directory} ({error.strerror}: {error.filename}). "
            "Make that folder yours, or name another: python -m local up --state-dir DIRECTORY"
        ) from error


@contextmanager
def claim_directory(directory: Path) -> Generator[None]:
    """Hold the directory's lock while the block runs; the system releases it if the process ends.

    Raise LocalStackRunningError if another process holds it.
    """
    make_directory(directory)
    with open_lock(directory / _LOCK_FILE) as lock:
        if not _lock(lock):
            raise LocalStackRunningError(directory, _written_pid(directory))
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        (directory / _STATE_FILE).unlink(missing_ok=True)
        (directory / _END_FILE).unlink(missing_ok=True)
        try:
            yield
        finally:
            (directory / _STATE_FILE).unlink(missing_ok=True)


def remove_logs(directory: Path) -> None:
    """Remove the logs and the mails of a stack that has ended."""
    for name in _LOGS:
        (directory / name).unlink(missing_ok=True)
    empty_mailbox(mailbox_of(directory))


def claimed_by(directory: Path) -> int | None:
    """Return the id of the process that holds the directory's lock, ready or not, or None."""
    return _written_pid(directory) if _is_locked(directory) else None


def _written_pid(directory: Path) -> int | None:
    text = (directory / _LOCK_FILE).read_text(encoding="utf-8").strip()
    return int(text) if text.isdecimal() else None


def _lock(file: IO[str]) -> bool:
    # Several attempts, because `_is_locked` in another process holds the lock for a moment.
    for _ in range(_LOCK_ATTEMPTS):
        if try_lock(file):
            return True
        time.sleep(_LOCK_PAUSE_SECONDS)
    return False


def _is_locked(directory: Path) -> bool:
    try:
        with (directory / _LOCK_FILE).open("r") as lock:
            return not try_lock(lock, fcntl.LOCK_SH)
    except (FileNotFoundError, NotADirectoryError):
        return False


def open_lock(path: Path) -> IO[str]:
    """Open a lock file, and let nobody else open it: another user could lock it, and hold us up."""
    lock = path.open("a+", encoding="utf-8")
    os.fchmod(lock.fileno(), 0o600)
    return lock


def try_lock(file: IO[str], mode: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file until it is closed; return False if another process has locked it."""
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_process_running(pid: int | None) -> bool:
    """Return whether a process with this id exists; False for None."""
    if pid is None:
        return False
    try:
        os.kill(pid, 0)  # signal 0 sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
