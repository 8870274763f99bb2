"""docs/architecture.md and the pages beside it name files and definitions that exist."""

import ast
import re

import pytest

from infra.naming import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# A link to a source file, followed by the definitions that the page names in it.
NAMED = re.findall(r"\]\(\.\./([\w/]+\.py)\)((?:,? `\w+`)*)", PAGE)


def definitions(path: str) -> set[str]:
    body = ast.parse((PROJECT_ROOT / path).read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize(("path", "names"), NAMED, ids=[path for path, _ in NAMED])
def test_the_page_names_definitions_that_exist(path: str, names: str) -> None:
    assert set(re.findall(r"`(\w+)`", names)) <= definitions(path)


def test_the_page_walks_through_a_registration_and_a_record_in_at_most_eight_files() -> None:
    walks = PAGE.partition("## A registration\n")[2].partition("## The stack\n")[0]
    registration, record = walks.split("## A record, and its failure\n")
    to_dead_letters = record.partition("If processing fails in another way")[0]

    assert 0 < len(re.findall(r"^\| \d ", registration, re.MULTILINE)) <= 8
    assert 0 < len(re.findall(r"^\| \d ", to_dead_letters, re.MULTILINE)) <= 8


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_the_pages_name_paths_that_exist(page: str) -> None:
    text = (PROJECT_ROOT / page).read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:functions|infra|ops|local|contract|delivery|capacity|tests|docs)/[\w/.]*)`", text))

    assert paths
    assert [path for path in sorted(paths) if not (PROJECT_ROOT / path).exists()] == []
