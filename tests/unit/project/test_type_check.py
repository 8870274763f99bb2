"""What `make check` checks again after a change, in a small project of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).parents[3]

FILES = {
    "pyproject.toml": '[tool.basedpyright]\ntypeCheckingMode = "strict"\ninclude = ["shop", "tests"]\nexclude = []\n',
    "requirements-dev.txt": "",
    "shop/__init__.py": "",
    "shop/price.py": """
class Price:
    def __init__(self) -> None:
        self.cents = 100

def price() -> int:
    return Price().cents
""",
    "shop/order.py": "from shop.price import Price, price\nprices = [price()]\ncents = Price().cents\n",
    "shop/invoice.py": "from shop import order\ntotal: int = order.prices[0] + order.cents\n",
    "shop/other.py": "",
}
ON_PRICE = {"shop/price.py", "shop/order.py", "shop/invoice.py"}

Check = Callable[..., tuple[int, str]]


def run(project: Path, **environment: str) -> tuple[int, str]:
    """Check the project; return how many files that took, and what was found."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.type_check"],
        cwd=project,
        env={"PATH": os.environ["PATH"]} | environment,
        check=False,
        capture_output=True,
        text=True,
    )
    found = re.match(r"Types: (\d+) of 6 files to check\n", ended.stdout)
    assert found, ended
    return int(found[1]), ended.stdout[found.end() :] if ended.returncode else ""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was found clean."""
    path = tmp_path_factory.mktemp("checked")
    for name, text in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    (path / "tests").mkdir()
    shutil.copy(PROJECT_ROOT / "tests" / "type_check.py", path / "tests")
    assert run(path) == (6, "")
    return path


@pytest.fixture
def project(checked: Path, tmp_path: Path) -> Path:
    return shutil.copytree(checked, tmp_path / "project")


@pytest.fixture
def check(project: Path) -> Check:
    return partial(run, project)


def replace(project: Path, path: str, before: str, after: str) -> None:
    text = (project / path).read_text()
    assert before in text
    (project / path).write_text(text.replace(before, after))


def test_nothing_is_checked_twice_but_in_ci(check: Check) -> None:
    assert check() == (0, "")
    assert check(CI="true") == (6, "")


def test_a_change_within_a_function_is_checked_in_its_file_alone(project: Path, check: Check) -> None:
    replace(project, "shop/price.py", "return Price().cents", "return 2 * Price().cents  # for two")
    assert check() == (1, "")
    assert check() == (0, "")


@pytest.mark.parametrize(
    ("before", "after"),
    [("-> int:\n    return Price().cents", "-> str:\n    return ''"), ("self.cents = 100", "self.cents = ''")],
    ids=["a declared type", "an inferred type"],
)
def test_what_a_change_breaks_elsewhere_is_found_until_it_is_mended(
    project: Path, check: Check, before: str, after: str
) -> None:
    replace(project, "shop/price.py", before, after)
    files, errors = check()
    assert files == len(ON_PRICE)
    assert "shop/invoice.py" in errors
    assert check() == (files, errors)
    replace(project, "shop/price.py", after, before)
    assert check() == (3, "")


def test_the_importers_of_a_file_that_is_gone_are_checked(project: Path, check: Check) -> None:
    (project / "shop" / "price.py").rename(project / "shop" / "prices.py")
    assert "shop/order.py" in check()[1]


@pytest.mark.parametrize("path", ["pyproject.toml", "requirements-dev.txt"])
def test_other_settings_or_packages_check_everything(project: Path, check: Check, path: str) -> None:
    with (project / path).open("a") as file:
        file.write("# changed" if path != "pyproject.toml" else "reportAny = false\n")
    assert check() == (6, "")
