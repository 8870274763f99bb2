"""How edits are packed; what an edit does on a running stack is in tests/local."""

import threading
import time
from typing import Any, cast

import pytest

from local import hot_reload
from local.hot_reload import HotReload

NAMES = {"register_user": "RegisterUserFunction-local", "log_user_changes": "LogUserChangesFunction-local"}
"""Folder below functions/ to name."""


class LambdaInMemory:
    """Lambda, as far as edits need it: what each function runs."""

    def __init__(self) -> None:
        self.code: dict[str, bytes] = {}

    @property
    def client(self) -> Any:
        return cast("Any", self)

    def update_function_code(self, *, FunctionName: str, ZipFile: bytes) -> None:  # noqa: N803  the service's names
        self.code[FunctionName] = ZipFile


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_problem(folder: str, package: bytes) -> None:
        assert folder.encode() in package

    monkeypatch.setattr(hot_reload, "import_problem", no_problem)


def test_sources_are_parsed_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    parsing = threading.Lock()
    edits = 0

    def packed(folder: str, _platform: str) -> bytes:
        assert parsing.acquire(blocking=False), "two at a time"
        time.sleep(0.02)
        parsing.release()
        return f"{folder} {edits}".encode()

    monkeypatch.setattr(hot_reload, "package_bytes", packed)
    reload = HotReload(LambdaInMemory().client, NAMES, "host")
    edits += 1
    monkeypatch.setattr(hot_reload, "_snapshot", lambda: {"edited": (1, 1)})

    assert {live.function_name for live in reload.look()} == set(NAMES.values())
