"""The generated parts of a page: what stands between a pair of markers, replaced as a whole."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
IMAGES = DOCS / "images"


def write_section(page: Path, name: str, text: str) -> None:
    """Replace what stands between the section's two markers.

    Raises:
        ValueError: The page has no such section.
    """
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    before = page.read_text()
    if not pattern.search(before):
        raise ValueError(f"{page} has no section between <!-- {name} --> and <!-- end of {name} -->: add the two lines")
    page.write_text(pattern.sub(lambda match: f"{match[1]}{text}\n{match[2]}", before))
