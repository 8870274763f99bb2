"""Which tests `make quick` runs for a change, in a small project of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).parents[3]

FILES = {
    "pyproject.toml": '[tool.importlinter]\nroot_packages = ["local", "shop", "tests"]\n',
    "shop/__init__.py": "",
    "shop/price.py": "",
    "shop/order.py": "from shop import price",
    "shop/manual.py": 'PAGE = "manual.md"',
    "local/__init__.py": "",
    "local/cli.py": 'COMMANDS = {"sell": "shop.sale:sell"}',
    "shop/sale.py": "",
    "manual.md": "",
    "tests/test_order.py": "import shop.order",
    "tests/test_manual.py": "import shop.manual",
    "tests/test_commands.py": "import local.cli",
    "tests/test_command.py": 'COMMAND = ["python", "-m", "shop.order"]',
    "tests/cli/conftest.py": "import shop.order",
    "tests/cli/test_cli.py": "",
    "tests/cli/long/test_long.py": "",
}
TESTS = {path for path in FILES if "test_" in path}
ON_ORDER = {
    "tests/test_order.py",
    "tests/test_command.py",
    "tests/cli/test_cli.py",
    "tests/cli/long/test_long.py",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy(PROJECT_ROOT / "tests" / "affected.py", tmp_path / "tests")
    git(tmp_path, "init", "--initial-branch=main")
    commit(tmp_path)
    return tmp_path


def git(project: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)


def commit(project: Path) -> None:
    git(project, "add", "--all")
    git(project, "commit", "--message=m")


def affected(project: Path) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-m", "tests.affected", "--list"], cwd=project, check=True, capture_output=True, text=True
    )
    return set(run.stdout.split())


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("shop/price.py", ON_ORDER),
        ("shop/order.py", ON_ORDER),
        ("shop/sale.py", {"tests/test_commands.py"}),
        ("shop/__init__.py", TESTS),
        ("manual.md", {"tests/test_manual.py"}),
        ("tests/test_order.py", {"tests/test_order.py"}),
        ("tests/cli/conftest.py", {"tests/cli/test_cli.py", "tests/cli/long/test_long.py"}),
        ("pyproject.toml", TESTS),
    ],
)
def test_a_change_reaches_the_tests_that_depend_on_it(project: Path, changed: str, tests: set[str]) -> None:
    with (project / changed).open("a") as file:
        file.write("\n# changed\n")
    assert affected(project) == tests


def test_without_a_change_no_test_is_reached(project: Path) -> None:
    assert affected(project) == set()


def test_commits_of_a_branch_count_as_changes(project: Path) -> None:
    git(project, "switch", "--create=branch")
    (project / "shop" / "manual.py").write_text("PAGE = None")
    commit(project)
    assert affected(project) == {"tests/test_manual.py"}


def test_a_new_test_is_reached_before_it_is_committed(project: Path) -> None:
    (project / "tests" / "test_new.py").write_text("")
    assert affected(project) == {"tests/test_new.py"}


def test_the_nearest_test_comes_first(project: Path) -> None:
    (project / "shop" / "price.py").write_text("PRICE = 1")
    (project / "tests" / "test_price.py").write_text("import shop.price")
    commit(project)
    git(project, "switch", "--create=branch")
    (project / "shop" / "price.py").write_text("PRICE = 2")
    listed = subprocess.run(
        [sys.executable, "-m", "tests.affected", "--list"], cwd=project, check=True, capture_output=True, text=True
    )
    assert listed.stdout.split()[0] == "tests/test_price.py"


def test_what_would_begin_too_late_is_left_out_and_counted(project: Path) -> None:
    (project / "tests" / "test_order.py").write_text("raise RuntimeError")
    code = "import pytest; from tests.affected import UntilTime; pytest.main(plugins=[UntilTime(0)])"
    run = subprocess.run([sys.executable, "-c", code], cwd=project, check=True, capture_output=True, text=True)
    assert "Left out for time: 0 tests, and 6 files of tests." in run.stdout
