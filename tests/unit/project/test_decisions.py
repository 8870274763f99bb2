"""The decision records keep one form, and their index lists each of them."""

import re
from pathlib import Path

import pytest

from infra.naming import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_a_number_a_status_and_three_parts(record: Path) -> None:
    text = record.read_text(encoding="utf-8")

    assert text.startswith(f"# {record.name[:4]}. ")
    assert re.search(r"^Status: (in force|replaced by \d{4})$", text, re.MULTILINE)
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_numbers_have_no_gaps() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_index_has_every_record_with_its_title_and_status() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")

    for record in RECORDS:
        text = record.read_text(encoding="utf-8")
        title = text.splitlines()[0].removeprefix(f"# {record.name[:4]}. ")
        status = re.findall(r"^Status: (.+)$", text, re.MULTILINE)[0]
        assert f"| [{record.name[:4]}]({record.name}) | {title} | {status} |" in index
