"""DynamoDB Local, Amazon's own implementation for tests: a second opinion beside the emulator's.

`conftest.py` offers it as the session fixture `dynamodb_local`. Maven downloads it once to .build/,
48 MB with its dependencies (Amazon DynamoDB Developer Guide, "Setting up DynamoDB local"). Maven
pins versions alone, so tests/dynamodb_local.sha256 has the files' contents. After a change of the
version in dynamodb_local.xml, write it again: `sha256sum *` in the folder that the error names.
"""

import hashlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.support.aws.dynamodb_endpoints import DynamoDBEndpoint

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "tests" / "dynamodb_local.xml"
CHECKSUMS = ROOT / "tests" / "dynamodb_local.sha256"
LIBRARIES = ROOT / ".build" / "dynamodb-local"
MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"
FETCH_SECONDS = 280
START_SECONDS = 60


def missing_tools() -> list[str]:
    """Return the tools that DynamoDB Local needs and this machine lacks."""
    return [tool for tool in ("java", "mvn") if shutil.which(tool) is None]


@contextmanager
def dynamodb_local_server() -> Generator[DynamoDBEndpoint]:
    """Run a server on a free port, with its tables in memory, until the block ends."""
    _fetch()
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="userstream-dynamodb-local-") as folder:
        log = Path(folder, "server.log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    "java",
                    f"-Djava.library.path={LIBRARIES}",
                    "-cp",
                    f"{LIBRARIES}/*",
                    MAIN,
                    "-inMemory",
                    "-disableTelemetry",
                    "-port",
                    str(port),
                ],
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            endpoint = DynamoDBEndpoint("DynamoDB Local", f"http://127.0.0.1:{port}")
            _wait_until_answering(endpoint.url, process, log)
            yield endpoint
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


def unexpected_files(folder: Path) -> list[str]:
    """Return the names of files that are missing, too many, or of another content than expected."""
    expected = {line.split(maxsplit=1)[1].strip(): line.split()[0] for line in CHECKSUMS.read_text().splitlines()}
    paths = [*folder.iterdir()] if folder.is_dir() else []
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    return sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))


def _fetch() -> None:
    if not unexpected_files(LIBRARIES):
        return
    LIBRARIES.parent.mkdir(exist_ok=True)
    # Downloaded to a temporary directory and then renamed, so that an interrupted download, or two
    # at once, leave no incomplete one.
    folder = Path(tempfile.mkdtemp(dir=LIBRARIES.parent, prefix="dynamodb-local-"))
    fetch = subprocess.run(
        ["mvn", "-q", "-B", "-f", str(PROJECT), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
        capture_output=True,
        text=True,
        timeout=FETCH_SECONDS,
        check=False,
    )
    assert fetch.returncode == 0, f"Maven can't fetch DynamoDB Local: {fetch.stdout[-2000:]}"
    wrong = unexpected_files(folder)
    assert not wrong, f"{folder} has other files than {CHECKSUMS}: {', '.join(wrong)}"
    shutil.rmtree(LIBRARIES, ignore_errors=True)
    try:
        folder.rename(LIBRARIES)
    except OSError:  # Another run was faster, with the same files.
        shutil.rmtree(folder)


def _free_port() -> int:
    """Return a port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_answering(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the new server answers anything, or fail with the end of its log."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310  our own address
                return
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError(f"No server answers on {url}: {log.read_text()[-2000:]}")
