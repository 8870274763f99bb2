"""`make quick`: check the Python files that a branch changes, and run the fast tests they reach.

A test is reached if it imports a changed module, directly or by way of others, or names such a
module in its text. A module that names a changed file of another kind (docs/ops.md) counts as
changed. grimp, which import-linter brings, reads the graph of imports from the sources in a second;
pytest-testmon would need a recorded run of all tests first, and doesn't see what a test runs in a
process of its own.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import grimp

FAST = "not local and not engine and not browser and not java"
"""The marker expression for tests that need no stack, Pulumi CLI, browser or Java."""

NO_TESTS_COLLECTED = 5
"""pytest's exit code if the marker expression leaves nothing to run."""

# Read by every test, or by none: the graph can't tell which.
CONCERNS_ALL = {"pyproject.toml", "requirements-dev.txt", "tests/conftest.py"}


def changed_files() -> list[str]:
    """Return the paths that differ from where the branch left main, untracked files included."""
    base = _git("merge-base", "HEAD", "main") or ["HEAD"]
    return sorted({*_git("diff", "--name-only", base[0]), *_git("ls-files", "--others", "--exclude-standard")})


def affected_tests(changed: Iterable[str]) -> list[str]:
    """Return the paths of the test files that a change of the files can reach."""
    packages: list[str] = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    words = {str(path): _words(path) for package in packages for path in sorted(Path(package).rglob("*.py"))}
    tests = [path for path in words if path.startswith("tests/") and Path(path).name.startswith("test_")]
    changed = set(changed)
    if changed & CONCERNS_ALL:
        return tests
    other_files = {Path(path).name for path in changed if not path.endswith(".py")}
    starts = changed | {path for path in words if words[path] & other_files}
    graph = grimp.build_graph(*packages, cache_dir=None)
    reached: set[str] = set()
    for module in graph.modules & set(map(module_name, starts)):
        # A package's __init__.py runs before each of its modules, so their importers are reached.
        is_package = Path(module.replace(".", "/"), "__init__.py").exists()
        within: set[str] = graph.find_descendants(module) if is_package else set()
        reached |= {module} | within | graph.find_downstream_modules(module, as_package=is_package)
    return [path for path in tests if {module_name(path), *_conftests(path)} & reached or words[path] & reached]


def module_name(path: str) -> str:
    """Return the dotted name by which a file is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def main(arguments: Sequence[str]) -> int:
    """Check what is changed, or only print the tests (`--list`); pass other arguments to pytest."""
    changed = [path for path in changed_files() if Path(path).exists()]
    tests = affected_tests(changed)
    if "--list" in arguments:
        sys.stdout.writelines(f"{path}\n" for path in tests)
        return 0
    sources = [path for path in changed if path.endswith(".py")]
    checks = [("ruff", "format", "--check"), ("ruff", "check"), ("basedpyright", "--level", "error")]
    commands = [(*check, *sources) for check in checks if sources] + [("lint-imports", "--no-logo", "--no-cache")]
    ended = [subprocess.run([_tool(name), *rest], check=False).returncode for name, *rest in commands]
    if tests:
        pytest = (sys.executable, "-m", "pytest", "-q", "-m", FAST, *arguments, *tests)
        ended.append(subprocess.run(pytest, check=False).returncode)
    return max(code for code in ended if code != NO_TESTS_COLLECTED)


def _git(*arguments: str) -> list[str]:
    return subprocess.run(["git", *arguments], check=False, capture_output=True, text=True).stdout.split()


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _conftests(test: str) -> set[str]:
    # All but tests/conftest.py: its fixtures start stacks and emulators, for tests that are slow or
    # import them anyway.
    return {module_name(str(folder / "conftest.py")) for folder in Path(test).parents[:-2]}


def _words(path: Path) -> set[str]:
    return set(re.findall(r"[\w.-]+", path.read_text()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
