"""How edits are found and packed; tests/local has edits on a running stack."""

import threading
import time
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from infra.packaging import sha256_base64
from infra.settings.types import NEWEST_RUNTIME
from local import reload as hot_reload
from local.reload import HotReload

NAMES = {"register_user": "RegisterUserFunction-local", "log_user_changes": "LogUserChangesFunction-local"}
"""Folder below functions/ to name."""


class LambdaInMemory:
    """The part of Lambda that hot reload uses: the code of each function, and of what is live.

    Args:
        code: of every function, at first.
        refusals: so many updates are refused.
    """

    def __init__(self, code: bytes = b"", refusals: int = 0) -> None:
        self.code = dict.fromkeys(NAMES.values(), code)
        self.versions = {name: {"1": code} for name in NAMES.values()}
        self.live = dict.fromkeys(NAMES.values(), "1")
        self._refusals = refusals

    @property
    def client(self) -> Any:
        return cast("Any", self)

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, str]:  # noqa: N803  the service's name
        return {"CodeSha256": sha256_base64(self.code[FunctionName])}

    def update_function_code(self, *, FunctionName: str, ZipFile: bytes) -> None:  # noqa: N803  the service's names
        if self._refusals:
            self._refusals -= 1
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "UpdateFunctionCode")
        self.code[FunctionName] = ZipFile

    def publish_version(self, *, FunctionName: str) -> dict[str, str]:  # noqa: N803  the service's name
        version = str(max(map(int, self.versions[FunctionName])) + 1)
        self.versions[FunctionName][version] = self.code[FunctionName]
        return {"Version": version}

    def get_alias(self, *, FunctionName: str, Name: str) -> dict[str, str]:  # noqa: N803  the service's names
        assert Name == "live"
        return {"FunctionVersion": self.live[FunctionName]}

    def update_alias(self, *, FunctionName: str, FunctionVersion: str, **_: Any) -> None:  # noqa: N803  as above
        self.live[FunctionName] = FunctionVersion

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_versions_by_function"
        return self

    def paginate(self, *, FunctionName: str) -> list[dict[str, list[dict[str, str]]]]:  # noqa: N803  as above
        return [{"Versions": [{"Version": version} for version in ("$LATEST", *self.versions[FunctionName])]}]

    def delete_function(self, *, FunctionName: str, Qualifier: str) -> None:  # noqa: N803  as above
        assert Qualifier not in {"$LATEST", self.live[FunctionName]}
        del self.versions[FunctionName][Qualifier]

    def live_code(self) -> set[bytes]:
        return {self.versions[name][self.live[name]] for name in NAMES.values()}


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The package that every function has now."""
    now = {"package": b"packed at first"}

    def packed(_folder: str, _platform: str, _runtime: str) -> bytes:
        return now["package"]

    def no_problem(_folder: str, _package: bytes) -> None:
        return None

    monkeypatch.setattr(hot_reload, "package_bytes", packed)
    monkeypatch.setattr(hot_reload, "import_problem", no_problem)
    monkeypatch.setattr(hot_reload, "_sources", now.copy)
    return now


def test_unchanged_sources_are_not_deployed(sources: dict[str, bytes]) -> None:
    assert HotReload(LambdaInMemory(sources["package"]).client, NAMES, "host", NEWEST_RUNTIME).deploy_edits() == []


def test_an_edit_goes_live_once(sources: dict[str, bytes]) -> None:
    functions = LambdaInMemory(sources["package"])
    reload = HotReload(functions.client, NAMES, "host", NEWEST_RUNTIME)
    sources["package"] = b"edited"

    assert {live.function_name for live in reload.deploy_edits()} == set(NAMES.values())
    assert functions.live_code() == {b"edited"}
    assert reload.deploy_edits() == []


def test_only_the_version_before_the_live_one_is_kept(sources: dict[str, bytes]) -> None:
    functions = LambdaInMemory(sources["package"])
    reload = HotReload(functions.client, NAMES, "host", NEWEST_RUNTIME)
    for package in (b"one", b"two", b"three"):
        sources["package"] = package
        reload.deploy_edits()

    assert functions.live_code() == {b"three"}
    for name in NAMES.values():
        assert list(functions.versions[name].values()) == [b"two", b"three"]


def test_an_edit_made_during_the_deployment_goes_live(sources: dict[str, bytes]) -> None:
    functions = LambdaInMemory(sources["package"])
    sources["package"] = b"edited"

    assert {
        live.function_name for live in HotReload(functions.client, NAMES, "host", NEWEST_RUNTIME).deploy_edits()
    } == set(NAMES.values())
    assert set(functions.code.values()) == {b"edited"}


def test_an_edit_that_lambda_refused_is_tried_again(sources: dict[str, bytes]) -> None:
    functions = LambdaInMemory(sources["package"], refusals=1)
    reload = HotReload(functions.client, NAMES, "host", NEWEST_RUNTIME)
    sources["package"] = b"edited"

    with pytest.raises(ClientError):
        reload.deploy_edits()
    reload.deploy_edits()
    assert set(functions.code.values()) == {b"edited"}


def test_sources_are_parsed_one_after_the_other(sources: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    parsing = threading.Lock()

    def packed(_folder: str, _platform: str, _runtime: str) -> bytes:
        assert parsing.acquire(blocking=False), "two at a time"
        time.sleep(0.02)
        parsing.release()
        return b"edited"

    reload = HotReload(LambdaInMemory(sources["package"]).client, NAMES, "host", NEWEST_RUNTIME)
    monkeypatch.setattr(hot_reload, "package_bytes", packed)

    assert {live.function_name for live in reload.deploy_edits()} == set(NAMES.values())
