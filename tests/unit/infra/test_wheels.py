"""Wheels for Lambda, known by their content, and the cache that may not change one."""

import hashlib
import shutil
import zipfile
from io import BytesIO
from pathlib import Path
from typing import get_args

import pytest
from packaging.utils import parse_wheel_filename
from pulumi_aws.lambda_ import Runtime

from infra.naming import PROJECT_ROOT
from infra.settings.types import NEWEST_RUNTIME, FunctionRuntime
from infra.wheels import WheelError, wheel_files

LOCKED = PROJECT_ROOT / "functions" / "register_user" / "requirements.txt"
HASH = "--hash=sha256:" + "0" * 64


def wheel(content: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("planted.py", content)
    return buffer.getvalue()


def cached_wheels(cache: Path) -> list[Path]:
    return sorted(cache.glob("*/*.whl"))


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the wheels of LOCKED."""
    cache = tmp_path_factory.mktemp("filled")
    wheel_files(LOCKED, NEWEST_RUNTIME, cache)
    return cache


@pytest.fixture
def cache(filled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(filled, tmp_path / "cache")


@pytest.mark.usefixtures("no_index")
def test_what_was_fetched_once_needs_no_network(cache: Path) -> None:
    assert "pydantic_core/__init__.py" in wheel_files(LOCKED, NEWEST_RUNTIME, cache)


@pytest.mark.parametrize("change", ["planted", "cut off", "empty", "gone", "another package's"])
def test_a_changed_wheel_of_the_cache_is_fetched_again(change: str, cache: Path) -> None:
    sound = wheel_files(LOCKED, NEWEST_RUNTIME, cache)
    before = {path.name: path.read_bytes() for path in cached_wheels(cache)}
    first, second, *_ = cached_wheels(cache)
    if change == "gone":
        first.unlink()
    elif change == "another package's":
        shutil.copy(second, first)
    else:
        contents = {"planted": wheel(b"print(1)"), "cut off": before[first.name][:-1], "empty": b""}
        first.write_bytes(contents[change])

    assert wheel_files(LOCKED, NEWEST_RUNTIME, cache) == sound
    assert {path.name: path.read_bytes() for path in cached_wheels(cache)} == before
    assert len(list(cache.iterdir())) == 1, "what was refused doesn't stay"


@pytest.mark.usefixtures("no_index")
def test_a_changed_wheel_is_refused_where_it_can_t_be_fetched_again(cache: Path) -> None:
    cached_wheels(cache)[0].write_bytes(wheel(b"print(1)"))

    with pytest.raises(WheelError, match="pip can't get"):
        wheel_files(LOCKED, NEWEST_RUNTIME, cache)


@pytest.mark.usefixtures("no_index")
def test_a_planted_wheel_gets_into_no_zip(cache: Path) -> None:
    (folder,) = cache.iterdir()
    (folder / "zz_planted-1-py3-none-any.whl").write_bytes(wheel(b"print(1)"))

    assert "planted.py" not in wheel_files(LOCKED, NEWEST_RUNTIME, cache)


def test_a_wheel_of_another_content_is_refused_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    index.mkdir()
    (index / "planted-1-py3-none-any.whl").write_bytes(wheel(b"print(1)"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"planted==1 {HASH}\n", encoding="utf-8")

    with pytest.raises(WheelError, match="DO NOT MATCH THE HASHES"):
        wheel_files(requirements, NEWEST_RUNTIME, tmp_path / "cache")


@pytest.mark.parametrize(
    "line",
    [
        "pydantic-core",
        "pydantic-core==2.50.4",
        f"pydantic-core {HASH}",
        f"pydantic-core>=2 {HASH}",
        f"pydantic-core==2.* {HASH}",
        f"a==1,<2 {HASH}",
        "pydantic-core==2.50.4 --hash=md5:0",
        f"pydantic-core==2.50.4 {HASH[:-1]}",
        f"pydantic-core==2.50.4 {HASH} --index-url=http://127.0.0.1",
        "--index-url http://127.0.0.1",
        "-r other.txt",
        f"pydantic-core @ https://example.com/x.whl {HASH}",
    ],
)
def test_a_requirement_that_pins_no_content_is_refused(line: str, tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"# comment\n{line}  # why\n", encoding="utf-8")

    with pytest.raises(WheelError, match=r"must have one version and its hashes.* run `make lock`"):
        wheel_files(requirements, NEWEST_RUNTIME, tmp_path / "cache")


@pytest.mark.parametrize(
    "marker", ["sys_platform == 'win32'", "python_version < '3.12'", "platform_machine == 'x86_64'"]
)
def test_a_package_that_lambda_does_not_need_is_left_out(marker: str, tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"planted==1 ; {marker} {HASH}\n", encoding="utf-8")

    assert wheel_files(requirements, NEWEST_RUNTIME, tmp_path / "cache") == {}


@pytest.mark.usefixtures("no_index")
def test_a_package_that_lambda_needs_is_not_left_out(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    marker = "sys_platform == 'linux' and platform_machine == 'aarch64' and python_version >= '3.14'"
    requirements.write_text(f"planted==1 ; {marker} {HASH}\n", encoding="utf-8")

    with pytest.raises(WheelError, match="pip can't get planted==1 "):
        wheel_files(requirements, "python3.14", tmp_path / "cache")
    assert wheel_files(requirements, "python3.13", tmp_path / "cache") == {}


@pytest.mark.usefixtures("no_index")
def test_without_network_the_message_names_the_packages_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WheelError, match=r"pip can't get .*\bpydantic-core==.* Check the network") as raised:
        wheel_files(LOCKED, NEWEST_RUNTIME, tmp_path / "cache")

    assert "arm64 Linux" in str(raised.value)
    assert list((tmp_path / "cache").iterdir()) == [], "a failed download leaves nothing that looks like a cache"


@pytest.mark.usefixtures("no_index")
def test_empty_requirements_need_no_network(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("--only-binary :all:\n# none\n", encoding="utf-8")

    assert wheel_files(requirements, NEWEST_RUNTIME, tmp_path / "cache") == {}


@pytest.mark.parametrize("runtime", get_args(FunctionRuntime))
@pytest.mark.parametrize(
    "locked", sorted((PROJECT_ROOT / "functions").glob("*/requirements.txt")), ids=lambda path: path.parent.name
)
def test_each_runtime_has_a_wheel_of_each_function_s_packages(
    locked: Path, runtime: FunctionRuntime, tmp_path: Path
) -> None:
    wheel_files(locked, runtime, tmp_path)

    python = f"cp{runtime.removeprefix('python').replace('.', '')}"
    for path in cached_wheels(tmp_path):
        *_, tags = parse_wheel_filename(path.name)
        assert {tag.interpreter for tag in tags} & {python, "py3"}, path.name
        assert hashlib.sha256(path.read_bytes()).hexdigest() in locked.read_text(encoding="utf-8")


def test_the_default_is_the_newest_runtime_that_the_provider_knows() -> None:
    known = [each.value for each in Runtime if each.value.startswith("python3.")]
    newest = max(known, key=lambda name: int(name.rpartition(".")[2]))

    assert newest == NEWEST_RUNTIME == get_args(FunctionRuntime)[0]
    assert set(get_args(FunctionRuntime)) <= set(known)
