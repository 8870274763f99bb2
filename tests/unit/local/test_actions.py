from pathlib import Path

import pytest

from functions.stream_records.schema_versions import SUPPORTED_SCHEMA_VERSIONS
from local import actions


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("SUPPORTED_SCHEMA_VERSIONS = frozenset({1})", 2),
        ("SUPPORTED_SCHEMA_VERSIONS = frozenset({1, 2})", 3),  # the fix of the first one is in
        ("SUPPORTED_SCHEMA_VERSIONS = frozenset({1, 2", max(SUPPORTED_SCHEMA_VERSIONS) + 1),
    ],
)
def test_no_function_knows_the_version_of_an_unsupported_user(
    source: str, version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "SCHEMA_VERSIONS", tmp_path / "schema_versions.py")
    actions.SCHEMA_VERSIONS.write_text(source)

    assert actions.unsupported_schema_version() == version


def test_the_versions_are_where_the_functions_read_them() -> None:
    assert actions.unsupported_schema_version() == max(SUPPORTED_SCHEMA_VERSIONS) + 1
