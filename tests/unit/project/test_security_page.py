"""SECURITY.md points to what exists."""

import re

import pytest

from infra.naming import PROJECT_ROOT
from infra.settings.model import StackSettings

TEXT = (PROJECT_ROOT / "SECURITY.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", TEXT)


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", (PROJECT_ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "anchor"), LINKS)
def test_a_link_leads_to_a_section(page: str, anchor: str) -> None:
    assert (PROJECT_ROOT / page).is_file()
    assert not anchor or anchor in anchors(page)


def test_its_settings_exist() -> None:
    settings = {field.alias for field in StackSettings.model_fields.values()}
    named = set(re.findall(r"`(\w+PersonalData)`", TEXT))

    assert named
    assert named <= settings


def test_it_names_one_way_to_report_that_no_copy_of_the_project_has_to_invent() -> None:
    assert "**Report a vulnerability**" in TEXT.partition("## What gets corrections")[0]
