import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pytest

from infra import packaging as function_package
from infra.packaging import (
    MAXIMUM_BYTES,
    PROJECT_ROOT,
    FunctionPackageError,
    Platform,
    build_package,
    package_bytes,
)

FUNCTIONS = ["register_user", "manage_users", "log_user_changes", "rescue_failed_batches"]
PLATFORMS: list[Platform] = ["lambda", "host"]


def names(content: bytes) -> list[str]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_same_sources_give_the_same_bytes(function: str, platform: Platform) -> None:
    assert package_bytes(function, platform) == package_bytes(function, platform)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_checkout_elsewhere_at_another_time_by_another_user_gives_the_same_bytes(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = package_bytes("register_user", platform)
    shutil.copytree(PROJECT_ROOT / "functions", tmp_path / "functions")
    for path in tmp_path.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (0, 2_000_000_000))
    monkeypatch.setattr(function_package, "PROJECT_ROOT", tmp_path)

    assert package_bytes("register_user", platform) == here


def test_another_hash_seed_gives_the_same_bytes() -> None:
    program = (
        "import hashlib; from infra.packaging import package_bytes;"
        "print(hashlib.sha256(package_bytes('manage_users', 'lambda')).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert runs[0] == runs[1] == hashlib.sha256(package_bytes("manage_users", "lambda")).hexdigest() + "\n"


def test_a_changed_source_changes_the_functions_that_import_it_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PROJECT_ROOT / "functions", tmp_path / "functions")
    monkeypatch.setattr(function_package, "PROJECT_ROOT", tmp_path)
    before = {function: package_bytes(function, "host") for function in FUNCTIONS}
    source = tmp_path / "functions/stream_records/streams_api.py"
    source.write_text(source.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")

    changed = [function for function in FUNCTIONS if package_bytes(function, "host") != before[function]]

    assert changed == ["rescue_failed_batches"]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_zip_has_its_handler_and_nothing_that_does_not_run(function: str, platform: Platform) -> None:
    files = names(package_bytes(function, platform))

    assert f"functions/{function}/handler.py" in files
    assert files == sorted(files)
    junk = ("__pycache__", ".pyc", ".pyi", "METADATA", "RECORD", "tests/", "requirements.txt", "boto3/", "botocore/")
    assert not [file for file in files if any(part in file for part in junk)]
    others = {f"functions/{other}/" for other in FUNCTIONS if other != function}
    assert not [file for file in files if any(file.startswith(other) for other in others)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_zip_for_lambda_is_small(function: str) -> None:
    assert len(package_bytes(function, "lambda")) <= MAXIMUM_BYTES


def test_an_api_function_s_zip_has_pydantic_core_for_lambda_s_platform() -> None:
    files = names(package_bytes("register_user", "lambda"))

    assert [file for file in files if file.endswith(".so")] == [
        "pydantic_core/_pydantic_core.cpython-314-aarch64-linux-gnu.so"
    ]
    assert any("/licenses/" in file for file in files), "a licence must come with its code"


def test_a_stream_function_s_zip_has_only_our_sources() -> None:
    assert all(file.startswith("functions/") for file in names(package_bytes("rescue_failed_batches", "lambda")))


ADDRESS = "alice@b\u00fccher.example"
WHAT_KEYS_NEED = f"""
import sys; sys.path.insert(0, sys.argv[1])
from functions.users.user import held_keys
assert {{*held_keys({{"email": {ADDRESS!a}, "username": "\u0430lice"}})}} == {{
    "email#alice@xn--bcher-kva.example", "username#\u0430lice", "username#alice"
}}
"""
WHAT_RULES_NEED = f"""
import sys; sys.path.insert(0, sys.argv[1])
from functions.users.attributes import ATTRIBUTES
rules = {{each.name: each.text.check for each in ATTRIBUTES}}
assert rules["email"]({ADDRESS!a}) and rules["username"]("\u0430lice")
"""


@pytest.mark.parametrize(
    ("function", "program"),
    [
        ("register_user", WHAT_KEYS_NEED + WHAT_RULES_NEED),
        ("manage_users", WHAT_KEYS_NEED + WHAT_RULES_NEED),
        ("confirm_registration", WHAT_KEYS_NEED),
        ("log_user_changes", WHAT_KEYS_NEED),
    ],
)
def test_a_zip_has_the_packages_that_names_and_addresses_need(function: str, program: str) -> None:
    zip_file = build_package(function, "lambda").path
    # -S leaves out the packages of this machine.
    subprocess.run([sys.executable, "-I", "-S", "-c", program, str(zip_file)], check=True)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_zip_for_this_machine_has_only_our_sources(function: str) -> None:
    assert all(file.startswith("functions/") for file in names(package_bytes(function, "host")))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_imports_from_its_zip_alone(function: str, tmp_path: Path) -> None:
    package = build_package(function, "host")
    program = (
        f"import sys; sys.path.insert(0, {str(package.path)!r}); import functions.{function}.handler as h; h.handler"
    )

    # -P ignores the working folder, so that the checkout doesn't hide what the zip lacks.
    subprocess.run([sys.executable, "-P", "-c", program], cwd=tmp_path, check=True)


def test_a_package_has_its_path_its_handler_and_lambda_s_hash() -> None:
    package = build_package("log_user_changes", "host")

    assert package.handler == "functions.log_user_changes.handler.handler"
    assert b64decode(package.sha256_base64) == hashlib.sha256(package.path.read_bytes()).digest()
    assert package.path == PROJECT_ROOT / ".build/host/log_user_changes.zip"


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(FunctionPackageError, match=r"no function 'greet': functions/greet/handler.py does not exist"):
        build_package("greet", "host")


def test_a_zip_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_package, "MAXIMUM_BYTES", 1000)

    with pytest.raises(FunctionPackageError, match="more than 1,000: drop a package"):
        build_package("register_user", "host")


def test_a_function_s_zip_has_the_packages_for_its_runtime() -> None:
    files = names(package_bytes("register_user", "lambda", "python3.13"))

    assert any(file.endswith(".cpython-313-aarch64-linux-gnu.so") for file in files)
    assert build_package("register_user", "lambda", "python3.13").runtime == "python3.13"
